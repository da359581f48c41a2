// Adds leaves to a tree: which nodes become complete with each. Pure, but for the frontier that it keeps.

import { emptyRoot, nodeHash } from './hash.ts';
import { nodesOf } from './positions.ts';
import type { ReadNode } from './proofs.ts';

/** A tree that grows: it knows the roots of its largest complete subtrees, and nothing below them. */
export interface GrowingTree {
  /** Leaves. */
  size(): number;
  /** Adds a leaf; the nodes that are complete now, the leaf first, in the order of the file. */
  add(leaf: Buffer): Buffer[];
  /** The root of all leaves. */
  root(): Buffer;
}

/** @param read gives the nodes of the tree as it is at `size` */
export function growFrom(size: number, read: ReadNode): GrowingTree {
  let leaves = size;
  const frontier = frontierOf(size, read);
  return {
    size: () => leaves,
    add(leaf) {
      const done = [leaf];
      let hash = leaf;
      let level = 0;
      for (let left = frontier[level]; left !== undefined; left = frontier[level]) {
        hash = nodeHash(left, hash);
        done.push(hash);
        frontier[level] = undefined;
        level += 1;
      }
      frontier[level] = hash;
      leaves += 1;
      return done;
    },
    root() {
      let root: Buffer | undefined;
      for (const node of frontier) {
        if (node !== undefined) root = root === undefined ? node : nodeHash(node, root);
      }
      return root ?? emptyRoot();
    },
  };
}

/** The roots of the largest complete subtrees, by level; undefined where the number of leaves has no bit. */
export function frontierOf(size: number, read: ReadNode): (Buffer | undefined)[] {
  const frontier: (Buffer | undefined)[] = [];
  for (let level = 0, rest = size; rest > 0; level += 1, rest = Math.floor(rest / 2)) {
    frontier[level] = rest % 2 === 1 ? read({ level, index: rest - 1 }) : undefined;
  }
  return frontier;
}

/** How many leaves the nodes in a file are of: the most whose nodes are all there. */
export function leavesOf(nodes: number): number {
  // nodesOf(n) is between n and 2n.
  let [low, high] = [0, nodes];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (nodesOf(middle) <= nodes) low = middle;
    else high = middle - 1;
  }
  return low;
}
