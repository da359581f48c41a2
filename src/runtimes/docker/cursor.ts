// How far Docker's events have been read, kept on disk: what happened while the agent was away is asked for again.

import { readFile } from 'node:fs/promises';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';

/** The cursor is Docker's own time in nanoseconds, as decimal digits; a damaged file counts as none. */
export function dockerCursor(path: string) {
  return {
    async read(): Promise<string | undefined> {
      const text = await readFile(path, 'utf8').catch(() => '');
      return /^\d{1,20}$/.test(text) ? text : undefined;
    },
    write: (nano: string): Promise<void> => writeFileAtomically(path, nano),
  };
}
