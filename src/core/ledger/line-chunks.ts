// Reads a ledger in big pieces that end at line ends, in constant memory.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from './byte-source.ts';
import { MAX_LINE_BYTES } from './line.ts';

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/** What stands where a block should: a line, without its newline, that is none. In bytes from the start of its file, unpacked. */
export type Unreadable = {
  offset: number;
  bytes: number /** Of a sealed segment: its path from the ledger's directory on. */;
  file?: string;
};

/** `bytes` is valid until the next piece is asked for. `complete` is false for what stands after the last newline. */
export type LineChunk = { bytes: Buffer; offset: number; complete: boolean };

export type ChunkRange = {
  from?: number;
  to?: number;
  /** How long (ms) to wait for the rest of an unfinished last line: its writer may be at work right now. */
  patience?: number;
  /** Takes lines that do not fit a piece; without it they are handed out in pieces, as if each were a line. */
  onTooLong?: (line: Unreadable) => void;
};

export async function* lineChunks(source: Readable, range: ChunkRange = {}): AsyncGenerator<LineChunk> {
  const { from = 0, to = Number.POSITIVE_INFINITY, patience = 0, onTooLong } = range;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES + MAX_LINE_BYTES + 1);
  let offset = from;
  let held = 0;
  let waited = false;
  // Bytes before `offset` that belong to a line which is too long.
  let passed = 0;
  for (;;) {
    const room = Math.min(buffer.length - held, to - offset - held);
    const { bytesRead } = room > 0 ? await source.read(buffer, held, room, offset + held) : { bytesRead: 0 };
    if (bytesRead === 0) {
      if (held === 0) return;
      if (patience > 0 && !waited) {
        waited = true;
        await sleep(patience);
        continue;
      }
      yield { bytes: buffer.subarray(0, held), offset, complete: false };
      return;
    }
    waited = false;
    const end = buffer.subarray(0, held + bytesRead).lastIndexOf(NEWLINE) + 1;
    const filled = held + bytesRead;
    // A line that does not even fit the buffer is handed out as it is: whoever asked sees that it is too long.
    const cut = end > 0 ? end : filled === buffer.length ? filled : 0;
    let first = 0;
    if (onTooLong && end === 0) passed += cut;
    else if (onTooLong && passed > 0) {
      first = buffer.indexOf(NEWLINE) + 1;
      onTooLong({ offset: offset - passed, bytes: passed + first - 1 });
      passed = 0;
    }
    if (cut > first && passed === 0)
      yield { bytes: buffer.subarray(first, cut), offset: offset + first, complete: true };
    buffer.copyWithin(0, cut, filled);
    offset += cut;
    held = filled - cut;
  }
}

/** Calls `visit` with the bounds of each line of a complete chunk, newline not included. Stops when it returns false. */
export function eachLine(bytes: Buffer, visit: (start: number, end: number) => boolean): boolean {
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    if (!visit(start, end)) return false;
    start = end + 1;
  }
  return true;
}
