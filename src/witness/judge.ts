// What a witness decides about a checkpoint, given what it has seen of that log before (C2SP tlog-witness). Pure.

import type { Verifier } from '../core/ledger/note/keys.ts';
import { signatureBy } from '../core/ledger/note/signed-note.ts';
import { emptyRoot } from '../core/ledger/tree/hash.ts';
import { isConsistent } from '../core/ledger/tree/verify-proof.ts';
import type { AddCheckpoint } from './add-checkpoint.ts';

/** A log's tree at one size. */
export interface Head {
  readonly size: number;
  readonly root: Buffer;
}

/** The size that is told with a 409 is the one that the witness has seen last. */
export type Verdict =
  | { readonly status: 200 }
  | { readonly status: 400 | 403 | 422; readonly why: string }
  | { readonly status: 409; readonly size: number; readonly why: string; readonly isForked: boolean };

/** What every log has begun with. */
export const nothingSeen = (): Head => ({ size: 0, root: emptyRoot() });

/** Whether one of the keys that are trusted for the log has signed it; other signatures do not matter. */
export function isSignedByLog({ note }: Pick<AddCheckpoint, 'note'>, keys: readonly Verifier[]): boolean {
  return keys.some((key) => signatureBy(note, key) !== undefined);
}

/**
 * In the order of the specification, so that every witness says the same of the same request.
 *
 * @param keys those that are trusted for the checkpoint's origin
 * @param seen what was cosigned last
 */
export function judge(request: AddCheckpoint, keys: readonly Verifier[], seen: Head): Verdict {
  const { old, proof, checkpoint } = request;
  if (!isSignedByLog(request, keys))
    return { status: 403, why: 'no key that is known for this log has signed it' };
  if (old > checkpoint.size) return { status: 400, why: 'the old size is above the new one' };
  if (old !== seen.size)
    return { status: 409, size: seen.size, why: 'another size was seen last', isForked: false };
  if (old === checkpoint.size && !checkpoint.root.equals(seen.root))
    return { status: 409, size: seen.size, why: 'another root was seen of this size', isForked: true };
  if (!isConsistent(seen, checkpoint, proof))
    return { status: 422, why: 'the proof does not lead from what was seen to this' };
  return { status: 200 };
}
