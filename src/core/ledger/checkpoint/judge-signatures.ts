// Whether checkpoints are signed by the keys of their time (docs/adr/0060, Verification, 3; docs/adr/0074). Pure.

import type { Verifier } from '../note/keys.ts';
import { signatureBy } from '../note/signed-note.ts';
import type { KeptCheckpoint, NamedKey } from './checkpoint-file.ts';
import type { Declaration } from './declarations.ts';
import { isSignedByFormerKey } from './epoch.ts';

export interface BadSignature {
  /** Blocks of the checkpoint. */
  readonly size: number;
  readonly expected: string;
  readonly actual: string;
}

/** What a checkpoint is, by the keys that are known and by its own signatures. */
export type Standing = 'bad' | 'lost' | 'binding';

export interface SignatureJudging {
  /** Takes each in the order of the file. Lost: of blocks that an epoch had and the ledger has no more. */
  take(kept: KeptCheckpoint): Standing;
  /** The first that is bad. Nothing behind it counts. */
  bad(): BadSignature | undefined;
}

export interface KnownKeys {
  /** What blocks say. */
  readonly declarations: readonly Declaration[];
  /** What stands beside the ledger, in the order in which it was written. */
  readonly named: readonly NamedKey[];
}

/** What the checkpoints before have shown. */
interface Seen {
  /** Those that have signed. */
  readonly begun: Set<Declaration>;
  /** Of the lost part: the key that signed last, where no block declares it any more. It signs the first of the next epoch, too. */
  gone: Verifier | undefined;
}

/** @param height of the last block that there is */
export function judgeSignatures(keys: KnownKeys, height: number): SignatureJudging {
  const seen: Seen = { begun: new Set(), gone: undefined };
  let found: BadSignature | undefined;
  return {
    bad: () => found,
    take(kept) {
      const said = byDeclarations(kept, keys.declarations, seen);
      if (typeof said === 'string') return said;
      const standing = byNamedKeys(kept, keys, height, seen);
      if (standing === 'bad') found = said;
      return standing;
    },
  };
}

function byDeclarations(
  kept: KeptCheckpoint,
  declarations: readonly Declaration[],
  { begun, gone }: Seen,
): 'lost' | 'binding' | BadSignature {
  const { size, origin } = kept.checkpoint;
  const bad = (expected: string, actual: string): BadSignature => ({ size, expected, actual });
  const time = timeOf(kept, declarations);
  if (time === undefined) return bad('a block that declares its key', 'none');
  const { at, current } = time;
  if (time.isLost)
    return isOfLostPart(kept, declarations.slice(0, at + 1))
      ? 'lost'
      : bad(current.origin, `signed as ${origin}`);
  if (!has(kept, current.key)) return bad(nameOf(current.key), 'no signature of it that holds');
  // One that a crash kept from signing is followed by another of the same kind.
  const former = declarations.slice(0, at).findLast((one) => begun.has(one)) ?? declarations[at - 1];
  if (!begun.has(current) && former && isDemanded(current)) {
    const isByLost = current.common !== undefined && gone !== undefined && has(kept, gone);
    if (!has(kept, former.key) && !isByLost)
      return bad(`${nameOf(former.key)} beside it, as on each first one`, 'no signature of it that holds');
  }
  if (current.why === undefined && former && former.origin !== origin)
    return bad(former.origin, 'a key that is rotated under another name');
  if (isTakenBack(declarations, at)) return bad('a key that none has followed', nameOf(current.key));
  begun.add(current);
  return 'binding';
}

/** A rotated key that had its time before: a key has one. What a crash had written twice is no other time. */
function isTakenBack(declarations: readonly Declaration[], at: number): boolean {
  const current = declarations[at];
  if (current === undefined || current.why !== undefined) return false;
  const before = declarations.slice(0, at);
  const followed = before.slice(0, before.findLastIndex(({ key }) => !isSame(key, current.key)) + 1);
  return followed.some(({ key }) => isSame(key, current.key));
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

/**
 * The block that declares its key may be one of those that are gone. Then the key stands beside the ledger, and its blocks are gone either
 * before an epoch that began without them, as a block says (`lost`), or now (`binding`: they are not there).
 */
function byNamedKeys(
  kept: KeptCheckpoint,
  { declarations, named }: KnownKeys,
  height: number,
  seen: Seen,
): Standing {
  const { size, origin } = kept.checkpoint;
  const its = named.findLast(
    ({ from, key }) =>
      from <= size && key.name === origin && !declarations.some((one) => isSame(one.key, key)),
  );
  if (its === undefined || !has(kept, its.key)) return 'bad';
  const first = named.findIndex(({ from, key }) => from === its.from && isSame(key, its.key));
  const before = named.slice(0, first);
  const isLost = declarations.some(
    ({ common, why, key }) =>
      common !== undefined && common < size && why !== 'first' && !before.some((one) => isSame(one.key, key)),
  );
  if (isLost) {
    seen.gone = its.key;
    return 'lost';
  }
  return size > height ? 'binding' : 'bad';
}

const isDemanded = ({ why }: Declaration) => why === undefined || isSignedByFormerKey(why);
/** Whether this key has signed it. */
export const has = ({ note }: KeptCheckpoint, key: Verifier) => signatureBy(note, key) !== undefined;
const isSame = (one: Verifier, other: Verifier) => nameOf(one) === nameOf(other) && one.raw.equals(other.raw);
const nameOf = ({ name, id }: Verifier) => `${name}+${id.toString('hex')}`;
