// Drops the bodies of the oldest segments where that is asked for; what is dropped stands in the ledger before it is done.
import { rm, stat } from 'node:fs/promises';
import { CLOCK_SET } from '../lib/moment.ts';
import { digest } from './digest.ts';
import { lastDropped } from './dropped.ts';
import { LEDGER_FILE } from './file-actions.ts';
import type { Head } from './head.ts';
import { type LedgerPaths, syncDir, withFile } from './paths.ts';
import { entryOf } from './producer.ts';
import { backwards } from './read.ts';
import { openSealed, type Sealed, sealedSegments } from './segments.ts';
import { checkTail } from './tail-check.ts';
import type { Ledger } from './writer.ts';

/** How much of the sealed segments is kept: those whose last block is at most so old, and the newest that fit into so much. */
export type Keep = {
  /** ms; undefined: for ever. */
  ageMs?: number;
  /** Bytes on the disk; undefined: any number. */
  bytes?: number;
};

export type RetentionParts = {
  paths: LedgerPaths;
  keep: Keep;
  ledger: Pick<Ledger, 'append'>;
  /** The height up to which blocks can be proved without their bodies. */
  provable: () => number;
  /** Called before a file is removed, with its path from the ledger's directory on. */
  vanishing: (file: string) => void;
  /** What time it is, milliseconds of the epoch; undefined where that is not known: nothing goes by its age then. */
  believed: number | undefined;
  signal: AbortSignal;
};

/**
 * From the oldest on, as long as there is one that need not be kept. Stops before a segment that does not hold, and before blocks that
 * no checkpoint covers: those are not to be lost.
 */
export async function dropOldSegments(parts: RetentionParts): Promise<void> {
  const { paths, provable, signal } = parts;
  for (;;) {
    signal.throwIfAborted();
    const sealed = await sealedSegments(paths);
    const [oldest] = sealed;
    if (oldest === undefined) return;
    const end = await endOf(oldest);
    if (end === undefined || end.height > provable() || !(await isOver(parts, sealed))) return;
    await drop(parts, oldest, end);
  }
}

async function endOf(segment: Sealed): Promise<Head | undefined> {
  const source = await openSealed(segment);
  if (source === undefined) return undefined;
  try {
    const { broken, good, size, head } = await checkTail(source, await source.size());
    return broken || good !== size || size === 0 ? undefined : head;
  } finally {
    await source.close();
  }
}

async function isOver({ keep, believed }: RetentionParts, sealed: readonly Sealed[]): Promise<boolean> {
  if (keep.ageMs !== undefined && believed !== undefined) {
    const at = await latestOf(sealed);
    if (at !== undefined && believed - at > keep.ageMs) return true;
  }
  if (keep.bytes === undefined) return false;
  const sizes = await Promise.all(sealed.map(async ({ path }) => (await stat(path)).size));
  return sizes.reduce((total, size) => total + size, 0) > keep.bytes;
}

/**
 * The latest time in the oldest segment: its last block may have been written while the clock was set back. Where it has none but of a clock
 * that was never set, the segment behind it tells. Undefined: nobody knows.
 */
async function latestOf(sealed: readonly Sealed[]): Promise<number | undefined> {
  for (const segment of sealed) {
    const source = await openSealed(segment);
    if (source === undefined) return undefined;
    let latest = 0;
    try {
      for await (const { timestamp } of backwards(source, () => undefined))
        latest = Math.max(latest, Date.parse(timestamp));
    } finally {
      await source.close();
    }
    if (latest >= CLOCK_SET) return latest;
  }
  return undefined;
}

async function drop(parts: RetentionParts, { first, path, file }: Sealed, end: Head): Promise<void> {
  const { paths, ledger, vanishing } = parts;
  const told = await lastDropped(paths.file);
  // A crash may have come between the block and the deed.
  if (told === undefined || told.height < end.height) {
    const { sha256, bytes } = await withFile(path, 'r', digest);
    const data = { from: first, to: end.height, last_hash: end.hash, file, bytes, sha256 };
    await ledger.append(entryOf(LEDGER_FILE, { action: 'ledger_bodies_dropped', data }));
  }
  vanishing(file);
  await rm(path);
  await syncDir(paths.segments);
}
