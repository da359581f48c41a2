// What another node has cosigned of this ledger: kept under the checkpoint it belongs to, or the sign of a ledger set back.

import type { WitnessedLog } from '../../core/ledger/checkpoint/witnessed-log.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/ledger/note/checkpoint.ts';
import { cosignedAt } from '../../core/ledger/note/cosignature.ts';
import type { Verifier } from '../../core/ledger/note/keys.ts';
import { type Note, parseNote, signatureBy, signatureLine } from '../../core/ledger/note/signed-note.ts';
import { isConsistent } from '../../core/ledger/tree/verify-proof.ts';

export type Shown =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'cosigned'; readonly size: number; readonly note: string; readonly line: string }
  /** It has seen blocks that are not there. */
  | { readonly kind: 'ahead'; readonly size: number }
  /** It has seen other blocks than there are. */
  | { readonly kind: 'forked'; readonly size: number };

/**
 * Believes nothing that this ledger's own key has not signed: who can write the file cannot make it up.
 *
 * @param notes what the node shows
 * @param key with which it cosigns
 * @param ownKeys of this ledger, the newest and those before
 */
export async function lookAtCosigned(
  notes: readonly string[],
  key: Verifier,
  ownKeys: readonly Verifier[],
  log: Pick<WitnessedLog, 'origin' | 'newest' | 'consistency'>,
): Promise<Shown> {
  const head = log.newest();
  const origin = log.origin();
  if (head === undefined || origin === undefined) return { kind: 'nothing' };
  let best: { note: Note; checkpoint: Checkpoint } | undefined;
  for (const text of notes) {
    const read = readOwn(text, origin, key, ownKeys);
    if (read && read.checkpoint.size >= (best?.checkpoint.size ?? 0)) best = read;
  }
  if (best === undefined) return { kind: 'nothing' };
  const { size, root } = best.checkpoint;
  if (size > head.size) return { kind: 'ahead', size };
  const proof = await log.consistency(size, head.size);
  if (!isConsistent({ size, root }, head, proof)) return { kind: 'forked', size };
  const own = best.note.signatures.filter(({ name, id }) => !(name === key.name && id.equals(key.id)));
  const line = best.note.signatures.find(({ name, id }) => name === key.name && id.equals(key.id));
  if (line === undefined) return { kind: 'nothing' };
  const lines = own.map((one) => signatureLine(one, one.bytes)).join('');
  return {
    kind: 'cosigned',
    size,
    note: `${best.note.text}\n${lines}`,
    line: signatureLine(line, line.bytes),
  };
}

function readOwn(
  text: string,
  origin: string,
  key: Verifier,
  ownKeys: readonly Verifier[],
): { note: Note; checkpoint: Checkpoint } | undefined {
  try {
    const note = parseNote(text);
    const checkpoint = parseCheckpoint(note.text);
    const isOurs =
      checkpoint.origin === origin && ownKeys.some((own) => signatureBy(note, own) !== undefined);
    return isOurs && cosignedAt(note, key) !== undefined ? { note, checkpoint } : undefined;
  } catch {
    return undefined;
  }
}
