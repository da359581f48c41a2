// Reads the whole file of checkpoints with little memory: once for where each stands, then again one after the other.

import type { FileHandle } from 'node:fs/promises';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { openRegular } from '../../lib/open-regular.ts';
import { readFully } from '../byte-source.ts';
import { eachLine, lineChunks } from '../line-chunks.ts';
import { sha256Hex } from '../sha256.ts';
import { type KeptCheckpoint, keptIn } from './checkpoint-file.ts';

/** How much is read at once of lines that are wanted one by one. */
const WINDOW_BYTES = 64 * 1024;
const LINES_AT_ONCE = 256;

export interface StoredCheckpoints {
  /** Undefined when there is none. */
  readonly file: FileHandle | undefined;
  /** Blocks of each distinct checkpoint, in the order of the file. */
  readonly sizes: readonly number[];
  /** Of each whole line, which of the distinct checkpoints it is; -1: none. */
  readonly lines: readonly number[];
  /** How many lines are no checkpoint. An unfinished last line does not count. */
  readonly bad: number;
  /** Bytes up to the end of the last whole line. */
  readonly end: number;
  /** The distinct ones in the order of their signing; one that was cosigned later stands once. @param from which is the first, from 0 */
  each(from?: number): AsyncGenerator<KeptCheckpoint>;
}

/** Called after each few hundred lines, for a program that has other things to do. */
export type Breathe = () => Promise<void>;

/**
 * What is in the file when it is opened; another that takes its name meanwhile is not seen. None when there is no file. Throws
 * `ledger-evidence-unreadable`.
 */
export async function withCheckpoints<T>(
  path: string,
  use: (stored: StoredCheckpoints) => Promise<T>,
  breathe: Breathe = async () => undefined,
): Promise<T> {
  const file = await openRegular(path).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw unreadable(path, cause);
  });
  try {
    const stored = await look(file, breathe).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    return await use(stored);
  } finally {
    await file?.close();
  }
}

const unreadable = (path: string, cause: unknown) =>
  new AgentError('ledger-evidence-unreadable', `${path} cannot be read.`, { cause });

/** Numbers alone are kept, since half a million notes take a gigabyte. */
interface Places {
  readonly offset: number[];
  readonly bytes: number[];
}

async function look(file: FileHandle | undefined, breathe: Breathe): Promise<StoredCheckpoints> {
  const sizes: number[] = [];
  const lines: number[] = [];
  const first: Places = { offset: [], bytes: [] };
  /** The first of its lines that has the most signatures: that one counts. */
  const best: Places & { signatures: number[] } = { offset: [], bytes: [], signatures: [] };
  const byText = new Map<string, number>();
  let [bad, end] = [0, 0];

  function take(line: Buffer, offset: number): void {
    const kept = keptIn(line);
    end = offset + line.length + 1;
    if (kept === undefined) {
      bad += 1;
      lines.push(-1);
      return;
    }
    const text = sha256Hex(kept.note.text);
    const known = byText.get(text);
    const index = known ?? sizes.length;
    lines.push(index);
    if (known === undefined) {
      byText.set(text, index);
      sizes.push(kept.checkpoint.size);
      first.offset.push(offset);
      first.bytes.push(line.length);
    }
    const signatures = kept.note.signatures.length;
    if (signatures <= (best.signatures[index] ?? -1)) return;
    best.signatures[index] = signatures;
    best.offset[index] = offset;
    best.bytes[index] = line.length;
  }

  let taken = 0;
  for await (const { bytes, offset, complete } of file ? lineChunks(file) : []) {
    if (!complete) break;
    for (const { start, stop } of linesOf(bytes)) {
      take(bytes.subarray(start, stop), offset + start);
      if (++taken % LINES_AT_ONCE === 0) await breathe();
    }
  }
  byText.clear();
  return { file, sizes, lines, bad, end, each: (from = 0) => eachOf(file, first, best, from) };
}

async function* eachOf(
  file: FileHandle | undefined,
  first: Places,
  best: Places,
  from: number,
): AsyncGenerator<KeptCheckpoint> {
  if (file === undefined) return;
  const [firsts, bests] = [windowOn(file), windowOn(file)];
  for (let index = from; index < first.offset.length; index++) {
    const kept = await bests(best, index);
    const isLater = best.offset[index] !== first.offset[index];
    // `at` is of its first line; a later line only adds signatures.
    const { at } = isLater ? await firsts(first, index) : kept;
    yield { ...kept, at };
  }
}

/** The line of a checkpoint at its place; the next ones are mostly behind it. */
function windowOn(file: FileHandle): (places: Places, index: number) => Promise<KeptCheckpoint> {
  let window: Buffer = Buffer.alloc(0);
  let at = 0;
  return async ({ offset, bytes }, index) => {
    const [from = 0, length = 0] = [offset[index], bytes[index]];
    if (from < at || from + length > at + window.length) {
      window = await readFully(file, from, Math.max(WINDOW_BYTES, length));
      at = from;
    }
    const kept = keptIn(window.subarray(from - at, from - at + length));
    if (kept) return kept;
    throw new AgentError('ledger-evidence-unreadable', 'The checkpoints change while they are read.');
  };
}

/** Bounds of each line, without its end. */
export function linesOf(bytes: Buffer): { start: number; stop: number }[] {
  const lines: { start: number; stop: number }[] = [];
  eachLine(bytes, (start, stop) => lines.push({ start, stop }) > 0);
  return lines;
}
