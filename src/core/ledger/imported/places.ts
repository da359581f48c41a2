// Where a ledger of the older program is kept once it has been taken over: whole, read-only, under the name of its digest.

import { join } from 'node:path';

/** @param side `ledger.d` */
export const importedDir = (side: string): string => join(side, 'imported');

/** @param sha256 64 hexadecimal digits */
export const importedPath = (side: string, sha256: string): string =>
  join(importedDir(side), `${sha256}.jsonl`);

/** What the command line hands over lies there until the agent has looked at it. */
export const incomingPath = (side: string, sha256: string): string =>
  join(importedDir(side), `${sha256}.part`);
