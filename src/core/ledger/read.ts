// Reads blocks by height, forwards or from the end. Reading checks shapes only; `verifyLedger` checks the chain.
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError, isErrno } from '../lib/errors.ts';
import type { HashedBlock } from './block.ts';
import { MAX_LINE_BYTES, readLine } from './line.ts';
import { eachLine, lineChunks, type Unreadable } from './line-chunks.ts';
import { locateHeight } from './locate.ts';
import { readFully } from './tail-check.ts';

const NEWLINE = 0x0a;
const PIECE_BYTES = 1 << 18;

export type Reading = {
  /**
   * Told of each line that is no block, in the order of reading; the blocks around it are given all the same. Without it such
   * lines are passed over: whoever reads to act on blocks must go on, and `verifyLedger` is what tells of them.
   */
  onUnreadable?: (line: Unreadable) => void;
};

/** Both ends included. A ledger that does not exist yet has no blocks. */
export async function* readBlocks(
  path: string,
  range: { from?: number; to?: number } & Reading = {},
): AsyncGenerator<HashedBlock> {
  const { from = 1, to = Number.POSITIVE_INFINITY, onUnreadable = pass } = range;
  const file = await openToRead(path);
  if (!file) return;
  try {
    const start = await locateHeight(file, from);
    for await (const { bytes, complete, offset } of lineChunks(file, {
      from: start,
      onTooLong: onUnreadable,
    })) {
      if (!complete) return;
      const lines: [start: number, end: number][] = [];
      eachLine(bytes, (...line) => lines.push(line) > 0);
      for (const [start, end] of lines) {
        const block = readLine(bytes.subarray(start, end));
        if (block === undefined) onUnreadable({ offset: offset + start, bytes: end - start });
        else if (block.height > to) return;
        else if (block.height >= from) yield block;
      }
    }
  } finally {
    await file.close();
  }
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
  const file = await openToRead(path);
  if (!file) return;
  try {
    yield* backwards(file, reading.onUnreadable ?? pass);
  } finally {
    await file.close();
  }
}

async function* backwards(file: FileHandle, onUnreadable: (line: Unreadable) => void) {
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
  for (let to = (await file.stat()).size; to > 0; ) {
    const from = Math.max(0, to - PIECE_BYTES);
    const bytes = Buffer.concat([await readFully(file, from, to - from), rest]);
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

export async function openToRead(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw new AgentError('bad-argument', `The ledger ${path} cannot be read.`, { cause });
  }
}
