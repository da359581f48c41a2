// Verifies a ledger with its checkpoints: what somebody who trusts neither the host nor us wants to know.

import { readVerifier } from '../note/keys.ts';
import type { Policy } from '../note/policy.ts';
import { ledgerPaths } from '../paths.ts';
import { emptyRoot } from '../tree/hash.ts';
import { type VerifyOptions, type VerifyResult, verifyLedger } from '../verify.ts';
import { type KeptCheckpoint, readCheckpoints, readPublicKeys } from './checkpoint-file.ts';
import type { Declaration } from './declarations.ts';
import { type Evidence, type Judged, judge, type KnownHead } from './judge.ts';
import { PassingHeads } from './passing-heads.ts';
import { evidencePaths } from './places.ts';

export interface EvidenceOptions extends Omit<VerifyOptions, 'knownHead'> {
  /** Heads that were kept elsewhere. */
  readonly known?: readonly KnownHead[];
  readonly policy?: Policy;
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
  const { known = [], policy, maxAge, now, onLine, ...rest } = options;
  // Before the blocks: those that come meanwhile are covered by no checkpoint that is looked at.
  const places = evidencePaths(ledgerPaths(path).side);
  const { all, bad } = await readCheckpoints(places.checkpoints);
  const sizes = [...all.map(({ checkpoint }) => checkpoint.size), ...known.map(({ size }) => size)];
  const heads = new PassingHeads(sizes, places.tree);
  const chain = await verifyLedger(path, {
    ...rest,
    onLine(bytes, start, end) {
      heads.add(bytes, start, end);
      onLine?.(bytes, start, end);
    },
  });
  const evidence: Evidence = {
    chain,
    checkpoints: all,
    declared: {
      ...heads.declared,
      declarations: [...(await earlier(places.keys, heads.dropped)), ...heads.declared.declarations],
    },
    rootOf: (size) => (size === 0 ? emptyRoot() : heads.roots.get(size)),
    hashOf: (height) => heads.hashes.get(height),
  };
  const judged = judge(evidence, {
    known,
    now: now(),
    ...(policy && { policy }),
    ...(maxAge !== undefined && { maxAge }),
  });
  return { ...judged, chain, checkpoints: all.length, unreadable: bad.length };
}

/** The keys of blocks that have no body any more are those that were written down beside the ledger. */
async function earlier(path: string, dropped: number): Promise<Declaration[]> {
  if (dropped === 0) return [];
  const kept = await readPublicKeys(path);
  return kept
    .filter(({ from }) => from <= dropped)
    .map(({ key, from }) => ({ height: from, key: readVerifier(key) }))
    .map(({ height, key }) => ({ height, origin: key.name, key, why: 'first' as const }));
}
