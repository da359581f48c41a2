// A tree that follows the ledger: what is in the file already, and every block that comes.

import { rename } from 'node:fs/promises';
import { AgentError } from '../../lib/errors.ts';
import { openTree, type TreeFile } from '../tree/tree-file.ts';
import type { LedgerWriter } from '../writer.ts';
import { catchUp, leafAt } from './catch-up.ts';
import type { SignedHead } from './signed-head.ts';

/** Blocks that come while the tree is made of old ones; with more, the rest is read from the file, too. */
const WAITING_MAX = 10_000;

export interface FollowParts {
  readonly ledger: Pick<LedgerWriter, 'head' | 'subscribe'>;
  /** Of the ledger's file. */
  readonly path: string;
  readonly treePath: string;
  readonly signed: SignedHead | undefined;
}

export interface FollowedTree {
  readonly tree: TreeFile;
  close(): Promise<void>;
}

/** Resolves when the tree has every block. Throws `ledger-broken` where a line in the file is no block. */
export async function followLedger(parts: FollowParts): Promise<FollowedTree> {
  const { ledger, path } = parts;
  const tree = await openedTree(parts);
  const stop = await attach(tree, ledger, path).catch(async (error: unknown) => {
    await tree.close();
    throw error;
  });
  return {
    tree,
    async close() {
      stop();
      await tree.close();
    },
  };
}

// A tree that does not lead to what was signed, or not to the blocks in the file, is not believed: the blocks are. That its last
// leaf is the block of that height says it of all of them, since each block holds the hash of the one before it.
async function openedTree({ ledger, path, treePath, signed }: FollowParts): Promise<TreeFile> {
  if (signed === undefined) return openTree(treePath, 0);
  const tree = await openTree(treePath, Math.min(signed.size, ledger.head().height));
  const size = tree.size();
  const isSigned = size !== signed.size || tree.root(size).toString('hex') === signed.root;
  const last = size === 0 ? undefined : await leafAt(path, size);
  if (isSigned && (size === 0 || last?.equals(tree.read({ level: 0, index: size - 1 })))) return tree;
  await tree.close();
  // Where the bodies of old blocks were dropped, it is the only place that has their leaves.
  await rename(treePath, `${treePath}.aside`);
  return openTree(treePath, 0);
}

async function attach(tree: TreeFile, ledger: FollowParts['ledger'], path: string): Promise<() => void> {
  for (;;) {
    let waiting: { height: number; text: string }[] | undefined = [];
    let isFull = false;
    const stop = ledger.subscribe(({ height }, text) => {
      if (waiting === undefined) tree.add(text);
      else if (waiting.length < WAITING_MAX) waiting.push({ height, text });
      else isFull = true;
    });
    const to = ledger.head().height;
    try {
      await catchUp(tree, path, to);
      if (tree.size() < to) throw broken(tree.size() + 1);
    } catch (error) {
      stop();
      throw error;
    }
    if (!isFull) {
      for (const { height, text } of waiting) if (height === tree.size() + 1) tree.add(text);
      waiting = undefined;
      return stop;
    }
    stop();
  }
}

const broken = (height: number) =>
  new AgentError(
    'ledger-broken',
    `The ledger has no block ${height} where one must be; no head of it is signed.`,
  );
