// Reads blocks by height, forwards or from the end. Reading checks shapes only; `verifyLedger` checks the chain.
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError, isErrno } from '../errors.ts';
import type { HashedBlock } from './block.ts';
import { parseLine } from './line.ts';
import { eachLine, lineChunks } from './line-chunks.ts';
import { locateHeight } from './locate.ts';
import { readFully } from './tail-check.ts';

const NEWLINE = 0x0a;
const PIECE_BYTES = 1 << 18;

/** Both ends included. A ledger that does not exist yet has no blocks. Throws `ledger-broken` at a line that is no block. */
export async function* readBlocks(
  path: string,
  range: { from?: number; to?: number } = {},
): AsyncGenerator<HashedBlock> {
  const { from = 1, to = Number.POSITIVE_INFINITY } = range;
  const file = await openToRead(path);
  if (!file) return;
  try {
    for await (const line of linesFrom(file, await locateHeight(file, from))) {
      const block = parseLine(line);
      if (block.height > to) return;
      if (block.height >= from) yield block;
    }
  } finally {
    await file.close();
  }
}

/** The last `n` blocks, oldest first. */
export async function tail(path: string, n: number): Promise<HashedBlock[]> {
  const blocks: HashedBlock[] = [];
  if (n < 1) return blocks;
  for await (const block of readBackwards(path)) {
    blocks.push(block);
    if (blocks.length >= n) break;
  }
  return blocks.reverse();
}

/** Blocks from the last to the first. An unfinished last line is passed over. */
export async function* readBackwards(path: string): AsyncGenerator<HashedBlock> {
  const file = await openToRead(path);
  if (!file) return;
  try {
    // `rest` is the beginning of the piece after: the end of a line whose start is still to come.
    let rest: Buffer = Buffer.alloc(0);
    let isLast = true;
    for (let to = (await file.stat()).size; to > 0; ) {
      const from = Math.max(0, to - PIECE_BYTES);
      const bytes = Buffer.concat([await readFully(file, from, to - from), rest]);
      let end = bytes.length;
      for (
        let at = bytes.lastIndexOf(NEWLINE);
        at >= 0;
        at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)
      ) {
        if (!isLast) yield parseLine(bytes.toString('utf8', at + 1, end));
        isLast = false;
        end = at;
      }
      rest = bytes.subarray(0, end);
      to = from;
    }
    if (!isLast) yield parseLine(rest.toString('utf8'));
  } finally {
    await file.close();
  }
}

/** The complete lines from `offset` on. */
export async function* linesFrom(file: FileHandle, offset: number): AsyncGenerator<string> {
  for await (const { bytes, complete } of lineChunks(file, { from: offset })) {
    if (!complete) return;
    const lines: string[] = [];
    eachLine(bytes, (start, end) => lines.push(bytes.toString('utf8', start, end)) > 0);
    yield* lines;
  }
}

export async function openToRead(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw new AgentError('bad-argument', `The ledger ${path} cannot be read.`, { cause });
  }
}
