// Looks at the end of a ledger file: where the last complete line ends, and whether the last lines hold together.
import { NO_HASH } from './block.ts';
import { type Readable, readFully } from './byte-source.ts';
import { type Broken, checkLink, checkStrict } from './check-line.ts';
import type { Head } from './head.ts';
import { MAX_LINE_BYTES } from './line.ts';
import { findHeight, findPrevHash } from './line-bytes.ts';
import { eachLine } from './line-chunks.ts';
import { plainLines } from './plain-line.ts';

/** An append writes at most this many bytes at once; so a power cut leaves at most this much without a line end. */
export const MAX_BATCH_BYTES = 1 << 20;

// At least one whole line always fits; usually some hundred do.
const WINDOW_BYTES = 4 * (MAX_LINE_BYTES + 1);
const NEWLINE = 0x0a;

export type TailState = {
  /** Bytes up to and including the last line end. */
  good: number;
  size: number;
  head: Head;
  broken?: Broken;
};

/**
 * Reads at most MAX_BATCH_BYTES + WINDOW_BYTES from the end of the first `size` bytes. `before`: the block before the file's first one;
 * without it that one is taken at its word.
 */
export async function checkTail(file: Readable, size: number, before?: Head): Promise<TailState> {
  const good = await lastLineEnd(file, size);
  const state: TailState = { good, size, head: before ?? { height: 0, hash: NO_HASH } };
  if (size - good > MAX_BATCH_BYTES + MAX_LINE_BYTES) {
    return {
      ...state,
      broken: { reason: 'frame', expected: 'lines', actual: `${size - good} bytes without a line end` },
    };
  }
  if (good === 0) return state;
  const from = Math.max(0, good - WINDOW_BYTES);
  const bytes = await readFully(file, from, good - from);
  // Unless it begins with the file, the window begins inside a line.
  const first = from === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
  return checkWindow(bytes.subarray(first), from === 0 ? before : undefined, state);
}

function checkWindow(bytes: Buffer, before: Head | undefined, state: TailState): TailState {
  let head = before;
  let broken: Broken | undefined;
  const isPlain = plainLines();
  eachLine(bytes, (start, end) => {
    const previous = head ?? claimedBefore(bytes, start, end);
    const link = checkLink(bytes, start, end, previous);
    broken = link.broken ?? (isPlain(bytes, start, end) ? undefined : checkStrict(bytes, start, end));
    head = { height: previous.height + 1, hash: link.hash };
    return broken === undefined;
  });
  if (broken) return { ...state, broken };
  return head
    ? { ...state, head }
    : { ...state, broken: { reason: 'frame', expected: 'a line', actual: 'none' } };
}

/** What a line says of the block before it; its height is NaN where it says nothing. */
export function claimedBefore(bytes: Buffer, start: number, end: number): Head {
  const at = findPrevHash(bytes, start, end);
  return {
    height: findHeight(bytes, start, at) - 1,
    hash: at < 0 ? '' : bytes.toString('latin1', at, at + 64),
  };
}

/** Where the last complete line ends: 0 when there is none within the last MAX_BATCH_BYTES or so. */
export async function lastLineEnd(file: Readable, size: number): Promise<number> {
  for (let to = size; to > 0 && size - to <= MAX_BATCH_BYTES + MAX_LINE_BYTES; ) {
    const from = Math.max(0, to - (1 << 16));
    const at = (await readFully(file, from, to - from)).lastIndexOf(NEWLINE);
    if (at >= 0) return from + at + 1;
    to = from;
  }
  return 0;
}
