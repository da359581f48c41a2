// The newest head that was signed, written down before anybody gets it: what keeps two heads of one size from being signed.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../../lib/atomic-file.ts';
import { isErrno } from '../../lib/errors.ts';

const schema = z.object({
  origin: z.string().min(1),
  epoch: z.int().min(1),
  /** Of the host that signed it: a digest of its machine id. */
  machine: z.string(),
  size: z.int().min(0),
  root: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
});

export type SignedHead = z.output<typeof schema>;

/** `damaged` for a file that is there and cannot be understood: it is never taken for one that is not there. */
export async function readSignedHead(path: string): Promise<SignedHead | 'damaged' | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return isErrno(error, 'ENOENT') ? undefined : 'damaged';
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return 'damaged';
  }
}

export async function writeSignedHead(path: string, head: SignedHead): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(head)}\n`);
}

/** Two heads of the same. */
export const isSameHead = (one: SignedHead, other: SignedHead): boolean =>
  one.origin === other.origin && one.size === other.size && one.root === other.root;
