// Which block the first one of the active file must follow: the last one of the sealed segments, if there are any.
import type { FileHandle } from 'node:fs/promises';
import { type HashedBlock, NO_HASH } from './block.ts';
import { type Readable, readFully } from './byte-source.ts';
import type { Broken } from './check-line.ts';
import { droppedUpTo } from './dropped.ts';
import type { Head } from './head.ts';
import { MAX_LINE_BYTES, readLine } from './line.ts';
import type { LedgerPaths } from './paths.ts';
import { lastSealed } from './segments.ts';
import { checkTail, claimedBefore } from './tail-check.ts';

/** Without `head` the file's first block is taken at its word. `broken`: the file does not follow, or there is nothing to go on from. */
export type Border = { head?: Head; broken?: Broken };

const NEWLINE = 0x0a;

export async function borderOf(paths: LedgerPaths, file: FileHandle): Promise<Border> {
  const claimed = await claimedBy(file);
  const sealed = await sealedTail(paths);
  if (sealed === undefined) {
    const begin = { height: 0, hash: NO_HASH };
    if (claimed === undefined || !(claimed.height > 0)) return { head: begin };
    return { head: (await droppedUpTo(paths.file, claimed)) ? claimed : begin };
  }
  if (sealed.broken) return claimed ? {} : sealed;
  const { head } = sealed;
  // A segment between them is gone: that is for verification to tell, and no reason to put this file aside as well.
  if (claimed === undefined || head === undefined) return sealed;
  if (claimed.height > head.height) return {};
  if (isSame(claimed, head)) return sealed;
  const expected = `what follows block ${head.height} ${head.hash}`;
  const actual = `what follows block ${claimed.height} ${claimed.hash}`;
  return { head, broken: { reason: 'prev-hash', expected, actual } };
}

async function sealedTail(paths: LedgerPaths): Promise<Border | undefined> {
  const source = await lastSealed(paths);
  if (source === undefined) return undefined;
  try {
    const { good, size, head, broken } = await checkTail(source, await source.size());
    if (broken) return { broken };
    const actual = `${size - good} bytes without a line end`;
    return good === size && size > 0 ? { head } : { broken: { reason: 'frame', expected: 'lines', actual } };
  } finally {
    await source.close();
  }
}

/** The first block; undefined where the source does not begin with one. */
export async function firstBlock(source: Readable): Promise<HashedBlock | undefined> {
  const line = await firstLine(source);
  return line && readLine(line);
}

/** What the first line says of the block before it; undefined where there is no line. */
export async function claimedBy(source: Readable): Promise<Head | undefined> {
  const line = await firstLine(source);
  return line && claimedBefore(line, 0, line.length);
}

async function firstLine(source: Readable): Promise<Buffer | undefined> {
  const bytes = await readFully(source, 0, MAX_LINE_BYTES + 1);
  const end = bytes.indexOf(NEWLINE);
  return end < 0 ? undefined : bytes.subarray(0, end);
}

const isSame = (one: Head, other: Head) => one.height === other.height && one.hash === other.hash;
