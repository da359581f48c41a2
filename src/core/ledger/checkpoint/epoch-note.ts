// Why the epoch that is now began, kept for status and doctor: a ledger that lost blocks is told of until a person has seen it.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../../lib/atomic-file.ts';
import { EPOCH_REASONS } from './actions.ts';

const schema = z.object({
  why: z.enum(EPOCH_REASONS),
  /** RFC 3339. */
  at: z.string(),
  origin: z.string(),
  /** Height of the block that tells it. */
  height: z.number(),
  parent: z.object({ origin: z.string(), size: z.number(), root: z.string() }).nullable(),
  witness: z.object({ name: z.string(), size: z.number() }).nullable(),
});

export type EpochNote = z.output<typeof schema>;

/** Undefined when there is none, or it cannot be understood: the block says the same. */
export async function readEpochNote(path: string): Promise<EpochNote | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeEpochNote(path: string, note: EpochNote): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(note)}\n`);
}

const WHY: Readonly<Record<EpochNote['why'], string>> = {
  first: 'it is new',
  'key-lost': 'the key that signed it is gone',
  'record-lost': 'what was signed last is not known any more',
  'origin-changed': 'the configuration gives it another name',
  'other-machine': 'this host was cloned from the one that signed it',
  'rolled-back':
    'it does not hold the blocks that were signed: it was cut, replaced, or restored from an older state',
  'witness-ahead': 'a witness has seen more of it than there is: this host was restored from an older state',
};

/** One line for people. @param path of the ledger */
export function epochText(path: string, note: EpochNote): string {
  return `the ledger ${path} ${goesOnText(note)}`;
}

/** The same, to be said after the ledger's name. */
export function goesOnText({ why, origin, parent, witness, height }: EpochNote): string {
  const before = parent ? `; before, ${parent.size} blocks were signed as ${parent.origin}` : '';
  const seen = witness ? ` (${witness.name} has seen ${witness.size})` : '';
  return `goes on as ${origin} from block ${height} on, since ${WHY[why]}${seen}${before}`;
}
