// Finds by bisection where to begin reading for a height: heights grow with the offset.
import { type ByteSource, type Readable, readFully } from './byte-source.ts';
import { MAX_LINE_BYTES } from './line.ts';
import { findHeight, findPrevHash } from './line-bytes.ts';

const NEWLINE = 0x0a;
const NEAR_BYTES = 4 * (MAX_LINE_BYTES + 1);

/** Offset of a line at or shortly before the one with `height`; every line before that offset is lower. */
export async function locateHeight(source: ByteSource, height: number): Promise<number> {
  let low = 0;
  let high = await source.size();
  while (height > 1 && high - low > NEAR_BYTES) {
    const line = await lineAfter(source, low + Math.floor((high - low) / 2));
    // Not a line: a broken or torn file. Reading from `low` shows it to whoever reads.
    if (line === undefined) return low;
    if (line.height >= height) high = line.start;
    else low = line.end;
  }
  return low;
}

type Found = { height: number; start: number; end: number };

// NEAR_BYTES above twice the longest line keeps start and end inside (low, high).
async function lineAfter(source: Readable, offset: number): Promise<Found | undefined> {
  const bytes = await readFully(source, offset, 2 * (MAX_LINE_BYTES + 1));
  const start = bytes.indexOf(NEWLINE) + 1;
  const end = bytes.indexOf(NEWLINE, start);
  if (start === 0 || end < 0) return undefined;
  const height = findHeight(bytes, start, findPrevHash(bytes, start, end));
  return Number.isNaN(height) ? undefined : { height, start: offset + start, end: offset + end + 1 };
}

/** Undefined when the source does not begin with a whole line that has a height. */
export async function heightOfFirst(source: Readable): Promise<number | undefined> {
  const bytes = await readFully(source, 0, MAX_LINE_BYTES + 1);
  const end = bytes.indexOf(NEWLINE);
  const height = end < 0 ? Number.NaN : findHeight(bytes, 0, findPrevHash(bytes, 0, end));
  return Number.isNaN(height) ? undefined : height;
}
