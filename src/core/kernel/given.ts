// What inner ends of veths were given, over restarts of the agent: what a container has changed since is its own.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeMemoryFile } from '../lib/atomic-file.ts';
import { interfaceNameSchema } from '../lib/device-name-schemas.ts';

const givenSchema = z.object({
  /** The kernel's index of the outer end: another pair of the same name has another one. */
  ifindex: z.number(),
  guestInterface: interfaceNameSchema,
  addresses: z.array(z.string()),
  gateways: z.array(z.string()),
});
export type GivenRecord = z.infer<typeof givenSchema>;

export interface GivenRecords {
  /** Undefined for a pair that nothing is known of, or whose file cannot be read. */
  read(outer: string): GivenRecord | undefined;
  write(outer: string, record: GivenRecord): void;
  forget(outer: string): void;
}

/** One file a pair, in memory: the pairs do not survive a reboot either. */
export function openGiven(directory: string): GivenRecords {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const fileOf = (outer: string) => join(directory, `${outer}.json`);
  return {
    read(outer) {
      try {
        return givenSchema.parse(JSON.parse(readFileSync(fileOf(outer), 'utf8')));
      } catch {
        return undefined;
      }
    },
    write: (outer, record) => writeMemoryFile(fileOf(outer), JSON.stringify(record)),
    forget: (outer) => rmSync(fileOf(outer), { force: true }),
  };
}
