// Proofs from the files beside the ledger; no agent is needed.

import { AgentError } from '../../lib/errors.ts';
import { proofText } from '../note/tlog-proof.ts';
import { ledgerPaths } from '../paths.ts';
import { leafHash } from '../tree/hash.ts';
import { consistencyProof, inclusionProof } from '../tree/proofs.ts';
import { readTree, type TreeReader } from '../tree/tree-file.ts';
import { isConsistent, isIncluded } from '../tree/verify-proof.ts';
import { bodyAt } from './catch-up.ts';
import { type KeptCheckpoint, NEWEST_BYTES, readCheckpoints } from './checkpoint-file.ts';
import { evidencePaths } from './places.ts';
import { withCheckpoints } from './stored-checkpoints.ts';

/**
 * A C2SP tlog-proof that the block at `height` is under the newest checkpoint of the ledger; its bytes stand in the proof.
 * Throws `ledger-checkpoint-missing`, `ledger-tree-unreadable`, `bad-argument` where there is no such block.
 */
export async function proveBlock(path: string, height: number): Promise<string> {
  const body = await bodyAt(path, height);
  if (body === undefined) throw new AgentError('bad-argument', `The ledger ${path} has no block ${height}.`);
  return withTree(path, height, (tree, newest) => {
    const { size, root } = newest.checkpoint;
    const index = height - 1;
    const hashes = inclusionProof(index, size, tree.read);
    if (!isIncluded(index, leafHash(body), size, root, hashes)) throw stale(path);
    return proofText({ extra: body, index, path: hashes, checkpoint: newest.text });
  });
}

export interface ConsistencyAnswer {
  readonly old: KeptCheckpoint;
  readonly now: KeptCheckpoint;
  readonly proof: readonly Buffer[];
}

/** That the checkpoint of `size` blocks continues the one of `oldSize`. Throws as `proveBlock`; `bad-argument` for a later one before. */
export async function proveConsistency(
  path: string,
  oldSize: number,
  size: number,
): Promise<ConsistencyAnswer> {
  if (oldSize > size)
    throw new AgentError('bad-argument', `${oldSize} is not before ${size}: the smaller number comes first.`);
  const { checkpoints } = evidencePaths(ledgerPaths(path).side);
  const found = new Map<number, KeptCheckpoint>();
  const sizes = await withCheckpoints(checkpoints, async (stored) => {
    for await (const kept of stored.each()) {
      const { size: its } = kept.checkpoint;
      if (its === oldSize || its === size) found.set(its, kept);
    }
    return stored.sizes;
  });
  const of = (wanted: number) => {
    const kept = found.get(wanted);
    if (kept) return kept;
    const near =
      sizes.length === 0 ? 'there is none at all' : `the newest are of ${sizes.slice(-5).join(', ')}`;
    throw new AgentError('ledger-checkpoint-missing', `No checkpoint is of ${wanted} blocks: ${near}.`);
  };
  const [old, now] = [of(oldSize), of(size)];
  return withTree(path, size, (tree) => {
    const proof = consistencyProof(oldSize, size, tree.read);
    if (!isConsistent(old.checkpoint, now.checkpoint, proof)) throw stale(path);
    return { old, now, proof };
  });
}

/** @param height the least size of the checkpoint that is asked for */
async function withTree<T>(
  path: string,
  height: number,
  use: (tree: TreeReader, newest: KeptCheckpoint) => T,
): Promise<T> {
  const places = evidencePaths(ledgerPaths(path).side);
  const { all } = await readCheckpoints(places.checkpoints, NEWEST_BYTES);
  const newest = all.at(-1);
  if (newest === undefined || newest.checkpoint.size < height)
    throw new AgentError(
      'ledger-checkpoint-missing',
      newest === undefined
        ? `The ledger ${path} has no checkpoint.`
        : `The newest checkpoint covers ${newest.checkpoint.size} blocks, and not block ${height}.`,
    );
  const tree = readTree(places.tree);
  if (tree === undefined) throw new AgentError('ledger-tree-unreadable', `${places.tree} is not there.`);
  try {
    return use(tree, newest);
  } finally {
    tree.close();
  }
}

const stale = (path: string) =>
  new AgentError('ledger-tree-unreadable', `The tree beside ${path} does not lead to its checkpoint.`);
