// Looks for blocks in the lines themselves, without an index: a line that is written as it must be is parsed only when it may fit.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Block, HashedBlock } from '../block.ts';
import type { ByteSource } from '../byte-source.ts';
import { FOOT_BYTES, HEAD_BYTES, readLine } from '../line.ts';
import { findHash, isFramed } from '../line-bytes.ts';
import { eachLine, lineChunks, type Unreadable } from '../line-chunks.ts';
import type { PlainLines } from '../plain-line.ts';
import type { Want } from './wants.ts';

export type Scan = {
  source: ByteSource;
  /** Where to begin and to end, in bytes of the text; both at a line's start. */
  from: number;
  to?: number;
  wants: readonly Want[];
  isPlain: PlainLines;
  onUnreadable: (line: Unreadable) => void;
  /** Told of bytes that are done. */
  onBytes?: ((bytes: number) => void) | undefined;
};

/** Blocks that fit all that is wanted, and maybe others: `fits` of each must still be asked. An unfinished last line ends it. */
export async function* scanBlocks(scan: Scan): AsyncGenerator<HashedBlock> {
  const { source, from, to, wants, isPlain, onUnreadable, onBytes } = scan;
  // One of them is enough to pass most lines over; the one that leaves the fewest comes first.
  const needles = wants[0]?.needles;
  const mayPass = wants[0]?.isOfFrame ? isFramed : isPlain;
  const range = { from, ...(to === undefined ? {} : { to }), onTooLong: onUnreadable };
  for await (const { bytes, offset, complete } of lineChunks(source, range)) {
    if (!complete) return;
    const marks = needles && marksIn(bytes, needles);
    const lines: [start: number, end: number][] = [];
    eachLine(bytes, (start, end) => {
      if (marks === undefined || hasMark(marks, end) || !mayPass(bytes, start, end)) lines.push([start, end]);
      return true;
    });
    for (const [start, end] of lines) {
      const block = readQuickly(bytes, start, end, isPlain);
      if (block === undefined) onUnreadable({ offset: offset + start, bytes: end - start });
      else yield block;
    }
    onBytes?.(bytes.length);
    await nextTurn();
  }
}

type Marks = { places: Float64Array; next: number };

// Where any of the needles stands, in order.
function marksIn(bytes: Buffer, needles: readonly Buffer[]): Marks {
  const places: number[] = [];
  for (const needle of needles) {
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length))
      places.push(at);
  }
  return { places: Float64Array.from(places).sort(), next: 0 };
}

// Lines are asked for in order, and a needle does not reach over a line's end.
function hasMark(marks: Marks, end: number): boolean {
  const before = marks.next;
  while ((marks.places[marks.next] ?? Number.POSITIVE_INFINITY) < end) marks.next += 1;
  return marks.next > before;
}

/** `readLine` for a line of a bigger piece: one that is as it must be need not be held against the schema. */
export function readQuickly(
  bytes: Buffer,
  start: number,
  end: number,
  isPlain: PlainLines,
): HashedBlock | undefined {
  if (!isPlain(bytes, start, end)) return readLine(bytes.subarray(start, end));
  const block = JSON.parse(bytes.toString('utf8', start + HEAD_BYTES, end - FOOT_BYTES)) as Block;
  const at = findHash(end);
  return Object.assign(block, { hash: bytes.toString('latin1', at, at + 64) });
}
