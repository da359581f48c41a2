// Roots of, and proofs about, a tree whose complete subtrees can be read (RFC 6962, sections 2.1, 2.1.1, 2.1.2). Pure.

import { emptyRoot, nodeHash } from './hash.ts';
import type { Node } from './positions.ts';

/** Gives the hash of a complete subtree; throws if it cannot be read. */
export type ReadNode = (node: Node) => Buffer;

/** The root of the first `size` leaves. */
export function rootOf(size: number, read: ReadNode): Buffer {
  return size === 0 ? emptyRoot() : hashOf(0, size, read);
}

/**
 * The hashes that lead from leaf `leaf` (from 0) to the root of the first `size` leaves, nearest first: PATH(m, D[n]).
 * Throws a RangeError unless leaf < size.
 */
export function inclusionProof(leaf: number, size: number, read: ReadNode): Buffer[] {
  demandCount(leaf);
  demandCount(size);
  if (leaf >= size) throw new RangeError(`leaf ${leaf} is not among the first ${size}`);
  const path: Buffer[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (leaf < middle) {
      path.push(hashOf(middle, to, read));
      to = middle;
    } else {
      path.push(hashOf(from, middle, read));
      from = middle;
    }
  }
  return path.reverse();
}

/**
 * The hashes that show that the first `size` leaves begin with the first `old` of them: PROOF(m, D[n]). Empty where there
 * is nothing to show: `old` is 0 or `size`. Throws a RangeError unless old <= size.
 */
export function consistencyProof(old: number, size: number, read: ReadNode): Buffer[] {
  demandCount(old);
  demandCount(size);
  if (old > size) throw new RangeError(`a tree of ${size} leaves has had no ${old}`);
  if (old === 0) return [];
  const path: Buffer[] = [];
  let [from, to] = [0, size];
  // While the part is one that `old` ends with, the verifier has its hash only if it began with the first leaf.
  while (old !== to) {
    const middle = from + splitOf(to - from);
    if (old <= middle) {
      path.push(hashOf(middle, to, read));
      to = middle;
    } else {
      path.push(hashOf(from, middle, read));
      from = middle;
    }
  }
  if (from > 0) path.push(hashOf(from, to, read));
  return path.reverse();
}

/** MTH(D[from:to]); `from` is a multiple of the least power of two that is not below to - from. */
function hashOf(from: number, to: number, read: ReadNode): Buffer {
  const length = to - from;
  const level = Math.floor(Math.log2(length));
  if (2 ** level === length) return read({ level, index: from / length });
  const middle = from + splitOf(length);
  return nodeHash(hashOf(from, middle, read), hashOf(middle, to, read));
}

/** The largest power of two below `length`, which is at least 2. */
export function splitOf(length: number): number {
  let split = 1;
  while (split * 2 < length) split *= 2;
  return split;
}

function demandCount(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no number of leaves`);
}
