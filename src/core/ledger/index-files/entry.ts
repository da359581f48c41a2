// One entry of an index's table: which blocks a run is about, where they stand in the ledger, and where the run's data stands.
import { createHash } from 'node:crypto';

export const ENTRY_BYTES = 144;
const DIGEST_AT = 128;
// "OPAI", and the version of this format and of the keys that blocks have: `keysOf` must not change without it.
const MAGIC = 0x4941504f;
const VERSION = 1;

/** Offsets into the ledger's file are in bytes of its text, unpacked. */
export type RunEntry = {
  /** Height of the first block, and how many there are. */
  first: number;
  count: number;
  /** Where their lines begin and end. */
  start: number;
  end: number;
  /** Where the run's pages begin. */
  dataAt: number;
  /** Bytes of its parts, in their order: how many keys, postings, actions. The offsets of lines come before the actions. */
  keys: number;
  postings: number;
  actions: number;
  /** Earliest and latest timestamp, milliseconds of the epoch. */
  earliest: number;
  latest: number;
  /** The lowest height that is a cause here; 0 when none is. */
  lowestCause: number;
  /** Of the last block: 32 bytes. The run's pages are salted with it. */
  hash: Buffer;
};

/** `before`: the digest of the entry before, or 16 zeros; so that entries of two ledgers never make one table. */
export function writeEntry(entry: RunEntry, before: Buffer): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(VERSION, 4);
  bytes.writeUInt32LE(entry.count, 8);
  bytes.writeUInt32LE(entry.keys, 12);
  bytes.writeUInt32LE(entry.postings, 16);
  bytes.writeUInt32LE(entry.actions, 20);
  const wide = [
    entry.first,
    entry.start,
    entry.end,
    entry.dataAt,
    entry.earliest,
    entry.latest,
    entry.lowestCause,
  ];
  for (const [at, value] of wide.entries()) bytes.writeDoubleLE(value, 24 + 8 * at);
  entry.hash.copy(bytes, 80);
  digestOf(bytes, before).copy(bytes, DIGEST_AT);
  return bytes;
}

/** Undefined when these bytes are no entry that follows the one before. */
export function readEntry(bytes: Buffer, before: Buffer): RunEntry | undefined {
  if (bytes.length < ENTRY_BYTES || !digestOf(bytes, before).equals(entryDigest(bytes))) return undefined;
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== VERSION) return undefined;
  const wide = (at: number) => bytes.readDoubleLE(24 + 8 * at);
  return {
    count: bytes.readUInt32LE(8),
    keys: bytes.readUInt32LE(12),
    postings: bytes.readUInt32LE(16),
    actions: bytes.readUInt32LE(20),
    first: wide(0),
    start: wide(1),
    end: wide(2),
    dataAt: wide(3),
    earliest: wide(4),
    latest: wide(5),
    lowestCause: wide(6),
    hash: Buffer.from(bytes.subarray(80, 112)),
  };
}

export const NO_ENTRY = Buffer.alloc(ENTRY_BYTES - DIGEST_AT);

export function entryDigest(bytes: Buffer): Buffer {
  return bytes.subarray(DIGEST_AT, ENTRY_BYTES);
}

function digestOf(bytes: Buffer, before: Buffer): Buffer {
  const hash = createHash('sha256').update(before).update(bytes.subarray(0, DIGEST_AT));
  return hash.digest().subarray(0, ENTRY_BYTES - DIGEST_AT);
}
