// Verifies a ledger with its checkpoints: what somebody who trusts neither the host nor us wants to know.

import { readlink, stat } from 'node:fs/promises';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { NO_HASH } from '../block.ts';
import type { Head } from '../head.ts';
import type { Policy } from '../note/policy.ts';
import { ledgerPaths } from '../paths.ts';
import { sha256Hex } from '../sha256.ts';
import { leafHash } from '../tree/hash.ts';
import { rootOf } from '../tree/proofs.ts';
import { readTree } from '../tree/tree-file.ts';
import { type VerifyOptions, type VerifyResult, verifyLedger } from '../verify.ts';
import { bodyAt } from './catch-up.ts';
import { type KeptCheckpoint, readNamedKeys } from './checkpoint-file.ts';
import { earlierKeys } from './earlier-keys.ts';
import { type Evidence, type Fault, type Judged, judging, type KnownHead } from './judge.ts';
import { PassingHeads } from './passing-heads.ts';
import { evidencePaths } from './places.ts';
import { type StoredCheckpoints, withCheckpoints } from './stored-checkpoints.ts';

export interface EvidenceOptions extends Omit<VerifyOptions, 'knownHead'> {
  /** Heads that were kept elsewhere. */
  readonly known?: readonly KnownHead[];
  readonly policy?: Policy;
  /** A checkpoint that is believed: what it covers is not looked at again. */
  readonly from?: KnownHead;
  /** Seconds that the newest checkpoint may be old. */
  readonly maxAge?: number;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
}

export interface EvidenceResult extends Judged {
  /** What was found of the chain alone. */
  readonly chain: VerifyResult;
  /** How many distinct checkpoints there are, and the newest that the ledger is bound by. */
  readonly checkpoints: number;
  readonly newest: KeptCheckpoint | undefined;
  /** Lines of the file of checkpoints that are none. */
  readonly unreadable: number;
}

/** Throws `bad-argument` if there is no file to read, `ledger-evidence-unreadable`. */
export async function verifyEvidence(path: string, options: EvidenceOptions): Promise<EvidenceResult> {
  // Before the blocks: those that come meanwhile are covered by no checkpoint that is looked at.
  const places = evidencePaths(ledgerPaths(path).side);
  await demandReachable(path);
  return withCheckpoints(places.checkpoints, (stored) => verifyWith(path, stored, options));
}

/** A link to nothing, or a file where a folder belongs, is not the same as nothing there. */
async function demandReachable(path: string): Promise<void> {
  const { side, segments } = ledgerPaths(path);
  const { checkpoints, keys } = evidencePaths(side);
  for (const place of [side, segments, checkpoints, keys, path]) {
    const isLink = await readlink(place).then(
      () => true,
      () => false,
    );
    const found = await stat(place).catch((cause: unknown) => {
      // Of what there is not nothing can be read; whoever reads it knows what that means.
      if (!isLink && isErrno(cause, 'ENOENT')) return undefined;
      throw new AgentError('ledger-evidence-unreadable', `${place} cannot be read`, { cause });
    });
    if (found?.isDirectory() === false && (place === side || place === segments))
      throw new AgentError('ledger-evidence-unreadable', `${place} is no directory.`);
  }
}

async function verifyWith(
  path: string,
  stored: StoredCheckpoints,
  options: EvidenceOptions,
): Promise<EvidenceResult> {
  const { known = [], policy, from, maxAge, now, onLine, ...rest } = options;
  const places = evidencePaths(ledgerPaths(path).side);
  const counts = { checkpoints: stored.sizes.length, unreadable: stored.bad };
  const knownSizes = known.map(({ size }) => size);
  const named = await readNamedKeys(places.keys);
  const heads = new PassingHeads([...stored.sizes, ...knownSizes], places.tree, new Set(knownSizes));
  const before = from && (await blockUnder(path, from));
  if (before && 'reason' in before) {
    const nothing = { chain: NO_CHAIN, newest: undefined, witnesses: [], ...counts };
    return { verdict: 'diverged', fault: before, ...nothing };
  }
  const covered = new Map<number, string>();
  if (before) {
    heads.beginBehind(before.height);
    for (const { size, hash } of known)
      if (hash !== undefined && size <= before.height) {
        const body = await bodyAt(path, size);
        if (body !== undefined) covered.set(size, sha256Hex(body));
      }
  }
  const chain = await verifyLedger(path, {
    ...rest,
    ...(before && { before }),
    onLine(bytes, start, end) {
      heads.add(bytes, start, end);
      onLine?.(bytes, start, end);
    },
  });
  const evidence: Evidence = {
    chain,
    declared: {
      ...heads.declared,
      declarations: [...earlierKeys(named, heads.before), ...heads.declared.declarations],
    },
    named,
    rootOf: (size) => heads.rootOf(size),
    hashOf: (height) => heads.hashOf(height) ?? covered.get(height),
  };
  const judge = judging(evidence, {
    known,
    now: now(),
    ...(policy && { policy }),
    ...(maxAge !== undefined && { maxAge }),
  });
  for await (const kept of stored.each()) judge.take(kept);
  return { ...judge.end(), chain, ...counts };
}

/**
 * The last block that a head covers, or what is wrong with it. That the tree beside the ledger leads to that head, and its last leaf is this
 * block, says it of all before it: each block holds the hash of the one before. Throws `ledger-tree-unreadable`.
 */
async function blockUnder(path: string, { size, root, hash, from }: KnownHead): Promise<Head | Fault> {
  const body = await bodyAt(path, size);
  if (body === undefined)
    return { height: size, reason: 'cut', expected: `${size} blocks, as ${from} says`, actual: 'fewer' };
  const found = sha256Hex(body);
  if (hash !== undefined && hash !== found)
    return { height: size, reason: 'known-head', expected: hash, actual: found };
  if (root === undefined) return { height: size, hash: found };
  const place = evidencePaths(ledgerPaths(path).side).tree;
  const tree = readTree(place);
  if (tree === undefined) throw new AgentError('ledger-tree-unreadable', `${place} is not there.`);
  try {
    const isHeld = tree.size >= size && tree.read({ level: 0, index: size - 1 }).equals(leafHash(body));
    const actual = isHeld ? rootOf(size, tree.read).toString('hex') : 'the root of other blocks';
    return actual === root.toString('hex')
      ? { height: size, hash: found }
      : { height: size, reason: 'root', expected: root.toString('hex'), actual };
  } finally {
    tree.close();
  }
}

const NO_CHAIN: VerifyResult = { verdict: 'ok', blocks: 0, bytes: 0, head: { height: 0, hash: NO_HASH } };
