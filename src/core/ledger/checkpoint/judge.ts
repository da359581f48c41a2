// The one verdict on a ledger: its chain, its checkpoints, and heads that were kept elsewhere (docs/adr/0060, Verification). Pure.

import { cosignedEnough, type Policy } from '../note/policy.ts';
import type { FirstBad, VerifyResult } from '../verify.ts';
import type { KeptCheckpoint, NamedKey } from './checkpoint-file.ts';
import type { Declared } from './declarations.ts';
import { type BadSignature, judgeSignatures } from './judge-signatures.ts';

export type Verdict = 'ok' | 'unanchored' | 'torn-tail' | 'broken' | 'bad-signature' | 'diverged' | 'gap';

/** A head that somebody kept: a checkpoint's root, or a block's hash. */
export interface KnownHead {
  readonly size: number;
  readonly root?: Buffer;
  readonly hash?: string;
  /** Where it comes from, for a person. */
  readonly from: string;
}

export interface Evidence {
  readonly chain: VerifyResult;
  readonly declared: Declared;
  /** Public keys that stand beside the ledger. */
  readonly named: readonly NamedKey[];
  /** The root of the first blocks; undefined where there are not so many that hold. */
  readonly rootOf: (size: number) => Buffer | undefined;
  /** The hash of a block. */
  readonly hashOf: (height: number) => string | undefined;
}

export interface Demands {
  readonly known: readonly KnownHead[];
  readonly policy?: Policy;
  /** Seconds. */
  readonly maxAge?: number;
  /** Milliseconds of the epoch. */
  readonly now: number;
}

/** The first thing that is not as it must be. */
export interface Fault {
  readonly height: number;
  /** Of a sealed segment: its path from the ledger's directory on. */
  readonly file?: string;
  /** From 1, and in bytes from the start of its file, where it is about a line. */
  readonly line?: number;
  readonly offset?: number;
  readonly reason:
    | FirstBad['reason']
    | 'signature'
    | 'root'
    | 'cut'
    | 'lost'
    | 'silence'
    | 'stale'
    | 'checkpoint'
    | 'policy';
  readonly expected: string;
  readonly actual: string;
}

export interface Judged {
  readonly verdict: Verdict;
  readonly fault: Fault | undefined;
  /** The newest checkpoint of a part that the ledger has. */
  readonly newest: KeptCheckpoint | undefined;
  /** Who has cosigned it, of the witnesses of the policy. */
  readonly witnesses: readonly { name: string; at: number }[];
}

export interface Judging {
  /** Takes each checkpoint in the order of the file. */
  take(kept: KeptCheckpoint): void;
  end(): Judged;
}

/** Keeps of the checkpoints what the verdict is about, however many they are. */
export function judging(evidence: Evidence, demands: Demands): Judging {
  const { chain, declared, named } = evidence;
  const signatures = judgeSignatures({ ...declared, named }, chain.head.height);
  const divergence = divergenceOf(evidence);
  let newest: KeptCheckpoint | undefined;
  let lost: KeptCheckpoint | undefined;
  return {
    take(kept) {
      if (signatures.bad() !== undefined) return;
      const standing = signatures.take(kept);
      if (standing === 'lost') lost ??= kept;
      if (standing !== 'binding') return;
      if (kept.checkpoint.size <= chain.head.height) newest = kept;
      const { size, root } = kept.checkpoint;
      divergence.take({ size, root, from: `the checkpoint of ${kept.at}` });
    },
    end() {
      for (const head of demands.known) divergence.take(head);
      const found = { bad: signatures.bad(), newest, lost, diverged: divergence.first() };
      return verdictOn(evidence, demands, found);
    },
  };
}

interface Found {
  readonly bad: BadSignature | undefined;
  readonly newest: KeptCheckpoint | undefined;
  /** The first of the lost ones. */
  readonly lost: KeptCheckpoint | undefined;
  readonly diverged: Fault | undefined;
}

function verdictOn(evidence: Evidence, demands: Demands, { bad, newest, lost, diverged }: Found): Judged {
  const { chain } = evidence;
  // What stands behind a line that does not hold declares nothing.
  const broken = chain.verdict === 'broken' ? chain.firstBad : undefined;
  const policy = demands.policy && newest && cosignedEnough(newest.note, demands.policy);
  const witnesses = policy?.witnesses ?? [];
  const is = (verdict: Verdict, fault?: Fault): Judged => ({ verdict, fault, newest, witnesses });

  if (broken) return is('broken', broken);
  if (bad) {
    const { size, expected, actual } = bad;
    return is('bad-signature', { height: size, reason: 'signature', expected, actual });
  }
  if (policy && (demands.policy?.logs.length ?? 0) > 0 && policy.log === undefined)
    return is('bad-signature', {
      height: newest?.checkpoint.size ?? 0,
      reason: 'signature',
      expected: 'a log of the policy',
      actual: 'none of them has signed the newest checkpoint',
    });
  if (diverged) return is('diverged', diverged);
  const gap = firstGap(evidence, lost, newest, demands);
  if (gap) return is('gap', gap);
  if (chain.verdict === 'torn-tail') return is('torn-tail', chain.firstBad);
  if (newest === undefined && (demands.known.length === 0 || demands.policy !== undefined))
    return is('unanchored', {
      height: chain.head.height,
      reason: 'checkpoint',
      expected: 'a checkpoint',
      actual: 'none',
    });
  if (newest !== undefined && policy?.lacking !== undefined)
    return is('unanchored', {
      height: newest.checkpoint.size,
      reason: 'policy',
      expected: 'what the policy asks for',
      actual: policy.lacking,
    });
  return is('ok');
}

/** Of the heads that are not so, the one of the fewest blocks; of these, the first. */
function divergenceOf(evidence: Evidence) {
  let found: Fault | undefined;
  return {
    first: () => found,
    take(head: KnownHead): void {
      if (found !== undefined && found.height <= head.size) return;
      found = divergedFrom(head, evidence) ?? found;
    },
  };
}

function divergedFrom(
  { size, root, hash, from }: KnownHead,
  { chain, rootOf, hashOf }: Evidence,
): Fault | undefined {
  const { height } = chain.head;
  if (size > height)
    return { height: size, reason: 'cut', expected: `${size} blocks, as ${from} says`, actual: `${height}` };
  if (root !== undefined && !rootOf(size)?.equals(root))
    return {
      height: size,
      reason: 'root',
      expected: root.toString('hex'),
      actual: rootOf(size)?.toString('hex') ?? 'none',
    };
  if (hash !== undefined && hashOf(size) !== hash)
    return { height: size, reason: 'known-head', expected: hash, actual: hashOf(size) ?? 'none' };
  return undefined;
}

function firstGap(
  { chain, declared }: Evidence,
  gone: KeptCheckpoint | undefined,
  newest: KeptCheckpoint | undefined,
  { maxAge, now }: Demands,
): Fault | undefined {
  if (gone) {
    const { size, origin } = gone.checkpoint;
    return {
      height: size,
      reason: 'lost',
      expected: `the ${size} blocks that were signed as ${origin}`,
      actual: 'a later epoch without them',
    };
  }
  const [silence] = declared.silences;
  if (silence) return { ...silence, reason: 'silence' };
  if (maxAge === undefined || newest === undefined) return undefined;
  const age = Math.round((now - Date.parse(newest.at)) / 1000);
  // One that lies ahead is of a clock that was wrong, and says nothing of its age.
  return Math.abs(age) <= maxAge
    ? undefined
    : {
        height: chain.head.height,
        reason: 'stale',
        expected: `a checkpoint of the last ${maxAge} s`,
        actual: age < 0 ? `the newest is ${-age} s ahead` : `the newest is ${age} s old`,
      };
}
