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

/** What a checkpoint is, by the blocks that declare keys and by its own signatures. */
export type Standing = 'bad' | 'lost' | 'binding';

export interface SignatureJudging {
  /** Takes each in the order of the file. Lost: of blocks that an epoch had and the ledger has no more. */
  take(kept: KeptCheckpoint): Standing;
  /** The first that is bad. Nothing behind it counts. */
  bad(): BadSignature | undefined;
}

export function judgeSignatures(declarations: readonly Declaration[]): SignatureJudging {
  const begun = new Set<Declaration>();
  let found: BadSignature | undefined;
  const bad = (size: number, expected: string, actual: string): Standing => {
    found = { size, expected, actual };
    return 'bad';
  };
  return {
    bad: () => found,
    take(kept) {
      const { size, origin } = kept.checkpoint;
      const time = timeOf(kept, declarations);
      if (time === undefined) return bad(size, 'a block that declares its key', 'none');
      const { at, current } = time;
      if (time.isLost)
        return isOfLostPart(kept, declarations.slice(0, at + 1))
          ? 'lost'
          : bad(size, current.origin, `signed as ${origin}`);
      if (!has(kept, current.key)) return bad(size, nameOf(current.key), 'no signature of it that holds');
      // One that a crash kept from signing is followed by another of the same kind.
      const former = declarations.slice(0, at).findLast((one) => begun.has(one)) ?? declarations[at - 1];
      if (!begun.has(current) && former && isDemanded(current) && !has(kept, former.key))
        return bad(
          size,
          `${nameOf(former.key)} beside it, as on each first one`,
          'no signature of it that holds',
        );
      begun.add(current);
      return 'binding';
    },
  };
}

export interface Time {
  /** Which of the declarations is of its time. */
  readonly at: number;
  readonly current: Declaration;
  readonly isLost: boolean;
}

/** Undefined when no block declares a key for so many blocks. */
export function timeOf(
  { checkpoint: { size, origin } }: KeptCheckpoint,
  declarations: readonly Declaration[],
): Time | undefined {
  const at = declarations.findLastIndex(({ height }) => height <= size);
  const current = declarations[at];
  if (current === undefined) return undefined;
  const ended = declarations.slice(at + 1).find(({ common }) => common !== undefined);
  return { at, current, isLost: current.origin !== origin || (ended?.common ?? size) < size };
}

/** Signed by a key of an epoch that has ended, and had come further than what of it was there when the next one began. */
function isOfLostPart(kept: KeptCheckpoint, before: readonly Declaration[]): boolean {
  const ofOrigin = before.filter(({ origin }) => origin === kept.checkpoint.origin);
  return ofOrigin.some(({ key }) => has(kept, key));
}

const isDemanded = ({ why }: Declaration) => why === undefined || isSignedByFormerKey(why);
/** Whether this key has signed it. */
export const has = ({ note }: KeptCheckpoint, key: Verifier) => signatureBy(note, key) !== undefined;
const nameOf = ({ name, id }: Verifier) => `${name}+${id.toString('hex')}`;
