// Checks proofs about a tree of which only roots are known (RFC 9162, sections 2.1.3.2 and 2.1.4.2). Pure.

import { nodeHash } from './hash.ts';

/** Whether `path` shows that `leafHash` is number `leaf` of the tree of `size` leaves with that root. */
export function isIncluded(
  leaf: number,
  leafHash: Uint8Array,
  size: number,
  root: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  if (!isCount(leaf) || !isCount(size) || leaf >= size) return false;
  let [node, last] = [leaf, size - 1];
  let hash: Buffer = Buffer.from(leafHash);
  for (const other of path) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      hash = nodeHash(other, hash);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else hash = nodeHash(hash, other);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && hash.equals(root);
}

/** Whether `path` shows that the tree with `newRoot` begins with the one with `oldRoot`. */
export function isConsistent(
  old: { size: number; root: Uint8Array },
  now: { size: number; root: Uint8Array },
  path: readonly Uint8Array[],
): boolean {
  if (!isCount(old.size) || !isCount(now.size) || old.size > now.size) return false;
  if (old.size === now.size) return path.length === 0 && Buffer.from(old.root).equals(now.root);
  // Nothing is part of everything, and takes no proof.
  if (old.size === 0) return path.length === 0;
  const isWhole = Number.isInteger(Math.log2(old.size)) && 2 ** Math.round(Math.log2(old.size)) === old.size;
  const hashes = isWhole ? [old.root, ...path] : path;
  const [first, ...rest] = hashes;
  if (first === undefined) return false;
  let [node, last] = [old.size - 1, now.size - 1];
  while (isOdd(node)) [node, last] = [half(node), half(last)];
  let before: Buffer = Buffer.from(first);
  let after = before;
  for (const other of rest) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      before = nodeHash(other, before);
      after = nodeHash(other, after);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else after = nodeHash(after, other);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && before.equals(old.root) && after.equals(now.root);
}

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
const isOdd = (value: number) => value % 2 === 1;
const half = (value: number) => Math.floor(value / 2);
