// The checkpoints that were signed, as they lie beside the ledger.

import { z } from 'zod';
import { type Checkpoint, parseCheckpoint } from '../note/checkpoint.ts';
import { readVerifier, SIGNATURE, type Verifier } from '../note/keys.ts';
import { type Note, parseNote } from '../note/signed-note.ts';
import { appendLine, lineAs, readLines } from './json-lines.ts';

const lineSchema = z.object({ at: z.string(), note: z.string() });
const keySchema = z.object({ key: z.string(), from: z.int().min(0) });

/** A checkpoint with all that is known to stand under it. */
export interface KeptCheckpoint {
  /** When it was signed, RFC 3339. */
  readonly at: string;
  readonly checkpoint: Checkpoint;
  readonly note: Note;
  /** The note as one text: the newest that has the most signatures. */
  readonly text: string;
}

export interface KeptCheckpoints {
  /** In the order of their signing; one that was cosigned later stands once. */
  readonly all: readonly KeptCheckpoint[];
  /** Lines of the file, from 1, that are no checkpoint. */
  readonly bad: readonly number[];
}

export const keepCheckpoint = (path: string, at: string, note: string): Promise<void> =>
  appendLine(path, { at, note });

/** Some four hundred checkpoints: for who looks for the newest, since a year has half a million of them at most. */
export const NEWEST_BYTES = 256 * 1024;

const keptSchema = lineSchema.transform(understood).pipe(z.custom<KeptCheckpoint>(Boolean));

/** What a line without its end says; undefined for what is no checkpoint. */
export const keptIn = (line: Buffer): KeptCheckpoint | undefined => lineAs(line, keptSchema);

/**
 * All at once, for those at the end of the file: of the whole one, `withCheckpoints` gives one after the other.
 *
 * @param last of its end, in bytes; by default all. Throws `ledger-evidence-unreadable`.
 */
export async function readCheckpoints(path: string, last?: number): Promise<KeptCheckpoints> {
  const { values, bad } = await readLines(path, keptSchema, last);
  const byText = new Map<string, KeptCheckpoint>();
  for (const kept of values) {
    const before = byText.get(kept.note.text);
    // `at` is of its first line; a later line only adds signatures.
    if (before === undefined) byText.set(kept.note.text, kept);
    else if (kept.note.signatures.length > before.note.signatures.length)
      byText.set(kept.note.text, { ...kept, at: before.at });
  }
  return { all: [...byText.values()], bad };
}

function understood({ at, note: text }: z.output<typeof lineSchema>): KeptCheckpoint | undefined {
  try {
    const note = parseNote(text);
    return { at, note, text, checkpoint: parseCheckpoint(note.text) };
  } catch {
    return undefined;
  }
}

export const keepPublicKey = (path: string, key: string, from: number): Promise<void> =>
  appendLine(path, { key, from });

/** The public keys in order of their use. Throws `ledger-evidence-unreadable`. */
export async function readPublicKeys(path: string): Promise<{ key: string; from: number }[]> {
  const { values } = await readLines(path, keySchema);
  // One whose first use was tried twice stands there twice.
  return [...new Map(values.map((one) => [one.key, one])).values()];
}

/** A public key that was written down beside the ledger when it had signed its first checkpoint, of `from` blocks. */
export interface NamedKey {
  readonly from: number;
  readonly key: Verifier;
}

/** The same for who judges by them: each line that is a log's key, as it stands there. Throws `ledger-evidence-unreadable`. */
export async function readNamedKeys(path: string): Promise<NamedKey[]> {
  const schema = keySchema.transform(named).pipe(z.custom<NamedKey>(Boolean));
  return (await readLines(path, schema)).values;
}

function named({ key: text, from }: z.output<typeof keySchema>): NamedKey | undefined {
  try {
    const key = readVerifier(text);
    return key.type === SIGNATURE.ed25519 ? { key, from } : undefined;
  } catch {
    return undefined;
  }
}
