// Whether checkpoints are signed by the keys of their time (docs/adr/0060, Verification, 3). Pure.

import type { Verifier } from '../note/keys.ts';
import { signatureBy } from '../note/signed-note.ts';
import type { KeptCheckpoint } from './checkpoint-file.ts';
import type { Declaration } from './declarations.ts';
import { isSignedByFormerKey } from './epoch.ts';

export interface BadSignature {
  /** Blocks of the checkpoint. */
  readonly size: number;
  readonly expected: string;
  readonly actual: string;
}

export interface SignatureJudgement {
  readonly bad: BadSignature | undefined;
  /** Checkpoints of blocks that an epoch had and the ledger has no more. */
  readonly lost: readonly KeptCheckpoint[];
  /** The others: what they say must be so of the blocks. */
  readonly binding: readonly KeptCheckpoint[];
}

export function judgeSignatures(
  checkpoints: readonly KeptCheckpoint[],
  declarations: readonly Declaration[],
): SignatureJudgement {
  const lost: KeptCheckpoint[] = [];
  const binding: KeptCheckpoint[] = [];
  const begun = new Set<Declaration>();
  for (const kept of checkpoints) {
    const { size, origin } = kept.checkpoint;
    const at = declarations.findLastIndex(({ height }) => height <= size);
    const current = declarations[at];
    if (current === undefined)
      return { bad: bad(size, 'a block that declares its key', 'none'), lost, binding };
    const ended = declarations.slice(at + 1).find(({ common }) => common !== undefined);
    if (current.origin !== origin || (ended?.common ?? size) < size) {
      if (!isOfLostPart(kept, declarations.slice(0, at + 1)))
        return { bad: bad(size, current.origin, `signed as ${origin}`), lost, binding };
      lost.push(kept);
      continue;
    }
    if (!has(kept, current.key))
      return { bad: bad(size, nameOf(current.key), 'no signature of it that holds'), lost, binding };
    // One that a crash kept from signing is followed by another of the same kind.
    const former = declarations.slice(0, at).findLast((one) => begun.has(one)) ?? declarations[at - 1];
    if (!begun.has(current) && former && isDemanded(current) && !has(kept, former.key))
      return {
        bad: bad(
          size,
          `${nameOf(former.key)} beside it, as on each first one`,
          'no signature of it that holds',
        ),
        lost,
        binding,
      };
    begun.add(current);
    binding.push(kept);
  }
  return { bad: undefined, lost, binding };
}

/** Signed by a key of an epoch that has ended, and had come further than what of it was there when the next one began. */
function isOfLostPart(kept: KeptCheckpoint, before: readonly Declaration[]): boolean {
  const ofOrigin = before.filter(({ origin }) => origin === kept.checkpoint.origin);
  return ofOrigin.some(({ key }) => has(kept, key));
}

const isDemanded = ({ why }: Declaration) => why === undefined || isSignedByFormerKey(why);
const has = ({ note }: KeptCheckpoint, key: Verifier) => signatureBy(note, key) !== undefined;
const nameOf = ({ name, id }: Verifier) => `${name}+${id.toString('hex')}`;
const bad = (size: number, expected: string, actual: string): BadSignature => ({ size, expected, actual });
