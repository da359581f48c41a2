// The roots of a tree whose leaves go by one after the other: for verification, where nothing is kept but what roots need.

import * as crypto from 'node:crypto';
import { HASH_BYTES } from './hash.ts';

type OneShot = (algorithm: string, data: Uint8Array, encoding: 'binary') => string;

/** `crypto.hash` came with Node 20.12 and 21.7. As latin1 a hash is a string of 32 characters: the quickest form to put into bytes again. */
export const hashWith = (quick: OneShot | undefined): OneShot =>
  quick ?? ((algorithm, data, encoding) => crypto.createHash(algorithm).update(data).digest(encoding));

const oneShot = hashWith((crypto as { hash?: OneShot }).hash);

export interface RunningRoot {
  size(): number;
  /** @param bytes with the block in [start, end); the byte before `start` is written over and put back */
  add(bytes: Buffer, start: number, end: number): void;
  root(): Buffer;
}

/** @param frontier roots of the largest complete subtrees by level, of a tree of `size` leaves; see `frontierOf` */
export function runningRoot(size = 0, frontier: readonly (Buffer | undefined)[] = []): RunningRoot {
  let leaves = size;
  const nodes = frontier.map((hash) => hash?.toString('latin1'));
  const pair = Buffer.alloc(1 + 2 * HASH_BYTES);
  pair[0] = 0x01;
  const above = (left: string, right: string): string => {
    pair.write(left, 1, 'latin1');
    pair.write(right, 1 + HASH_BYTES, 'latin1');
    return oneShot('sha256', pair, 'binary');
  };
  return {
    size: () => leaves,
    add(bytes, start, end) {
      const before = bytes[start - 1] ?? 0;
      bytes[start - 1] = 0x00;
      let hash = oneShot('sha256', bytes.subarray(start - 1, end), 'binary');
      bytes[start - 1] = before;
      let level = 0;
      for (let left = nodes[level]; left !== undefined; left = nodes[level]) {
        hash = above(left, hash);
        nodes[level] = undefined;
        level += 1;
      }
      nodes[level] = hash;
      leaves += 1;
    },
    root() {
      let root: string | undefined;
      for (const node of nodes) if (node !== undefined) root = root === undefined ? node : above(node, root);
      return root === undefined ? crypto.createHash('sha256').digest() : Buffer.from(root, 'latin1');
    },
  };
}
