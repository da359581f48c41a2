// The two hashes of a Merkle tree over blocks: of a leaf and of a node above two others (RFC 6962, section 2.1).

import { createHash } from 'node:crypto';

export const HASH_BYTES = 32;

const LEAF = Buffer.of(0x00);
const NODE = Buffer.of(0x01);

/** @param block the bytes of the block as they stand in its line: what the line's own hash is of */
export function leafHash(block: Uint8Array | string): Buffer {
  return createHash('sha256').update(LEAF).update(block).digest();
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** The root of a tree without leaves. */
export const emptyRoot = (): Buffer => createHash('sha256').digest();
