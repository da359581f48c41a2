// Finds by bisection where to begin reading for a height: heights grow with the offset.
import type { FileHandle } from 'node:fs/promises';
import { MAX_LINE_BYTES } from './line.ts';
import { findHeight, findPrevHash } from './line-bytes.ts';
import { readFully } from './tail-check.ts';

const NEWLINE = 0x0a;
const NEAR_BYTES = 4 * (MAX_LINE_BYTES + 1);

/** Offset of a line at or shortly before the one with `height`; every line before that offset is lower. */
export async function locateHeight(file: FileHandle, height: number): Promise<number> {
  let low = 0;
  let high = (await file.stat()).size;
  while (height > 1 && high - low > NEAR_BYTES) {
    const line = await lineAfter(file, low + Math.floor((high - low) / 2));
    // Not a line: a broken or torn file. Reading from `low` shows it to whoever reads.
    if (line === undefined) return low;
    if (line.height >= height) high = line.start;
    else low = line.end;
  }
  return low;
}

type Found = { height: number; start: number; end: number };

// NEAR_BYTES above twice the longest line keeps start and end inside (low, high).
async function lineAfter(file: FileHandle, offset: number): Promise<Found | undefined> {
  const bytes = await readFully(file, offset, 2 * (MAX_LINE_BYTES + 1));
  const start = bytes.indexOf(NEWLINE) + 1;
  const end = bytes.indexOf(NEWLINE, start);
  if (start === 0 || end < 0) return undefined;
  const height = findHeight(bytes, start, findPrevHash(bytes, start, end));
  return Number.isNaN(height) ? undefined : { height, start: offset + start, end: offset + end + 1 };
}
