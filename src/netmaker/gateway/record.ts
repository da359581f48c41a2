// The undo record on disk: what we made on this host since it booted, written before it is made.

import { readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';
import { isErrno } from '../../core/lib/errors.ts';
import { type Entry, entrySchema } from './host-resources.ts';

const recordSchema = z.object({
  version: z.literal(1),
  /** A boot makes all of it void: the kernel begins anew. */
  bootId: z.string(),
  entries: z.array(entrySchema),
});

/**
 * Empty when there is none or when it is of another boot. A damaged one is renamed to `PATH.damaged`: what it named
 * cannot be taken back any more, and what is still wanted is made anew. Throws the system's error of another kind.
 */
export async function readRecord(
  path: string,
  bootId: string,
  onDamaged: (problem: string) => void = () => undefined,
): Promise<Entry[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  const record = parseRecord(text);
  if (record === undefined) {
    await rename(path, `${path}.damaged`);
    onDamaged(`${path} was not understood, and is ${path}.damaged now: what it named is not taken back`);
    return [];
  }
  return record.bootId === bootId ? record.entries : [];
}

/** Atomic and synchronised. Throws the system's error; the file is then the old one. */
export async function writeRecord(path: string, bootId: string, entries: readonly Entry[]): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify({ version: 1, bootId, entries }, undefined, 1)}\n`);
}

function parseRecord(text: string): z.infer<typeof recordSchema> | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
