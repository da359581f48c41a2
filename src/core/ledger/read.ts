// Reads blocks by height, forwards or from the end. Reading checks shapes only; `verifyLedger` checks the chain.
import type { HashedBlock } from './block.ts';
import { type ByteSource, readFully } from './byte-source.ts';
import { MAX_LINE_BYTES, readLine } from './line.ts';
import { findHeight, findPrevHash } from './line-bytes.ts';
import { eachLine, lineChunks, type Unreadable } from './line-chunks.ts';
import { locateHeight } from './locate.ts';
import { type Segment, segmentsBack, segmentsFrom } from './segments.ts';

const NEWLINE = 0x0a;
const PIECE_BYTES = 1 << 18;

export type Reading = {
  /**
   * Told of each line that is no block, in the order of reading; the blocks around it are given all the same. Without it such
   * lines are passed over: whoever reads to act on blocks must go on, and `verifyLedger` is what tells of them.
   */
  onUnreadable?: (line: Unreadable) => void;
};

/** A first look at a line by its bytes, ten times faster than reading it: false for one that is passed over, readable or not. */
export type LooksRight = (bytes: Buffer, start: number, end: number) => boolean;

type Range = { from?: number; to?: number; looksRight?: LooksRight } & Reading;

/** Both ends included. A ledger that does not exist yet has no blocks, and neither have heights whose bodies were dropped. */
export async function* readBlocks(path: string, range: Range = {}): AsyncGenerator<HashedBlock> {
  const { from = 1, to = Number.POSITIVE_INFINITY } = range;
  for await (const segment of segmentsFrom(path, from)) {
    if ((segment.sealed?.first ?? 0) > to) return;
    for await (const block of forwards(segment, range)) {
      if (block.height > to) return;
      yield block;
    }
  }
}

async function* forwards({ source, sealed }: Segment, range: Range): AsyncGenerator<HashedBlock> {
  const { from = 1, to = Number.POSITIVE_INFINITY, onUnreadable = pass, looksRight = () => true } = range;
  const tell = (line: Unreadable) => onUnreadable({ ...line, ...(sealed && { file: sealed.file }) });
  const start = await locateHeight(source, from);
  for await (const { bytes, complete, offset } of lineChunks(source, { from: start, onTooLong: tell })) {
    if (!complete) return;
    const lines: [start: number, end: number][] = [];
    eachLine(bytes, (...line) => lines.push(line) > 0);
    for (const [start, end] of lines) {
      if (!looksRight(bytes, start, end)) {
        if (isBeyond(to, bytes, start, end)) return;
        continue;
      }
      const block = readLine(bytes.subarray(start, end));
      if (block === undefined) tell({ offset: offset + start, bytes: end - start });
      else if (block.height >= from) yield block;
    }
  }
}

function isBeyond(to: number, bytes: Buffer, start: number, end: number): boolean {
  return Number.isFinite(to) && findHeight(bytes, start, findPrevHash(bytes, start, end)) > to;
}

/** The last `n` blocks, oldest first. */
export async function tail(path: string, n: number, reading: Reading = {}): Promise<HashedBlock[]> {
  const blocks: HashedBlock[] = [];
  if (n < 1) return blocks;
  for await (const block of readBackwards(path, reading)) {
    blocks.push(block);
    if (blocks.length >= n) break;
  }
  return blocks.reverse();
}

/** Blocks from the last to the first. An unfinished last line is passed over. */
export async function* readBackwards(path: string, reading: Reading = {}): AsyncGenerator<HashedBlock> {
  const { onUnreadable = pass } = reading;
  let first: number | undefined;
  for await (const { source, sealed } of segmentsBack(path)) {
    // Sealed while the active file was read under its old name.
    if (sealed && sealed.first === first) continue;
    const tell = (line: Unreadable) => onUnreadable({ ...line, ...(sealed && { file: sealed.file }) });
    for await (const block of backwards(source, tell)) {
      first = block.height;
      yield block;
    }
  }
}

/** The blocks of one source, from the last to the first. */
export async function* backwards(source: ByteSource, onUnreadable: (line: Unreadable) => void) {
  // `rest` is the beginning of the piece after: the end of a line whose start is still to come. `passed`: bytes behind it
  // that belong to the same line, which is too long to be a block; they are not kept.
  let rest: Buffer = Buffer.alloc(0);
  let passed = 0;
  let isLast = true;
  const read = (line: Buffer, offset: number): HashedBlock | undefined => {
    const block = passed === 0 ? readLine(line) : undefined;
    if (block === undefined) onUnreadable({ offset, bytes: line.length + passed });
    passed = 0;
    return block;
  };
  for (let to = await source.size(); to > 0; ) {
    const from = Math.max(0, to - PIECE_BYTES);
    const bytes = Buffer.concat([await readFully(source, from, to - from), rest]);
    let end = bytes.length;
    for (let at = lastNewline(bytes, end); at >= 0; at = lastNewline(bytes, at)) {
      const block = isLast ? undefined : read(bytes.subarray(at + 1, end), from + at + 1);
      if (isLast) passed = 0;
      isLast = false;
      end = at;
      if (block) yield block;
    }
    rest = bytes.subarray(0, end);
    if (rest.length > MAX_LINE_BYTES) {
      passed += rest.length;
      rest = Buffer.alloc(0);
    }
    to = from;
  }
  const block = isLast ? undefined : read(rest, 0);
  if (block) yield block;
}

const pass = () => undefined;

const lastNewline = (bytes: Buffer, before: number) =>
  before === 0 ? -1 : bytes.lastIndexOf(NEWLINE, before - 1);
