// Goes through a ledger that the older program wrote, and says what of it holds: streaming, in constant memory.

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { readSeedLine, type SeedForm, type SeedLine } from './seed-line.ts';

export const SEED_REASONS = ['form', 'too-long', 'hash', 'prev-hash', 'height', 'torn'] as const;
/**
 * `form`: not a line that the older program writes. `hash`: the line is not what was hashed. `prev-hash`, `height`: it does not
 * follow the line before. `torn`: the last line has no end.
 */
export type SeedReason = (typeof SEED_REASONS)[number];

export interface SeedFault {
  readonly reason: SeedReason;
  readonly expected: string;
  readonly actual: string;
}

export interface Examined {
  /** `none`: no line is that program's. */
  readonly verdict: 'ok' | 'torn-tail' | 'broken' | 'none';
  readonly bytes: number;
  readonly sha256: string;
  /** How many lines have each form. */
  readonly blocks: number;
  readonly records: number;
  /** How many of these hold: their own hash is right, and they follow the one before. */
  readonly holds: number;
  /** How many lines have each fault. */
  readonly faults: Readonly<Partial<Record<SeedReason, number>>>;
  /** `line` from 1, `offset` in bytes from the start of the file. */
  readonly firstBad: (SeedFault & { readonly line: number; readonly offset: number }) | undefined;
  readonly first: SeedLine | undefined;
  readonly last: SeedLine | undefined;
}

/** Told of each line in its order; one that cannot be read comes without what it says. */
export type OnSeedLine = (number: number, line: SeedLine | undefined, fault: SeedFault | undefined) => void;

/** The agent goes on with its work between two pieces. */
const PIECE_BYTES = 64 * 1024;
/** More than that program has ever written. */
const LINE_MAX = 1024 * 1024;
const NEWLINE = 0x0a;

export async function examineSeedLedger(
  file: FileHandle,
  onLine: OnSeedLine = () => undefined,
): Promise<Examined> {
  const digest = createHash('sha256');
  const walk = newWalk(onLine);
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  let held: Buffer = Buffer.alloc(0);
  let passed = 0;
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, bytes);
    if (bytesRead === 0) break;
    const piece = buffer.subarray(0, bytesRead);
    digest.update(piece);
    bytes += bytesRead;
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
      const line = Buffer.concat([held, piece.subarray(from, end)]);
      walk.line(line, passed + line.length, bytes - bytesRead + end - passed - line.length);
      held = Buffer.alloc(0);
      passed = 0;
      from = end + 1;
    }
    held = Buffer.concat([held, piece.subarray(from)]);
    if (held.length > LINE_MAX) {
      passed += held.length;
      held = Buffer.alloc(0);
    }
  }
  if (passed + held.length > 0) walk.torn(passed + held.length, bytes);
  return { ...walk.result(), bytes, sha256: digest.digest('hex') };
}

interface Chain {
  height: bigint;
  hash: string;
}

function newWalk(onLine: OnSeedLine) {
  // The two forms were written by two versions of the program, and neither reads the other's: two chains may lie in one file.
  const chains: Record<SeedForm, Chain> = {
    block: { height: 0n, hash: '' },
    record: { height: 0n, hash: '' },
  };
  const counts = { block: 0, record: 0, holds: 0, lines: 0 };
  const faults: Partial<Record<SeedReason, number>> = {};
  let firstBad: Examined['firstBad'];
  let first: SeedLine | undefined;
  let last: SeedLine | undefined;

  const note = (fault: SeedFault, offset: number) => {
    faults[fault.reason] = (faults[fault.reason] ?? 0) + 1;
    firstBad ??= { line: counts.lines, offset, ...fault };
  };

  return {
    line(bytes: Buffer, length: number, offset: number) {
      counts.lines += 1;
      const line = length > bytes.length || !isUtf8(bytes) ? undefined : readSeedLine(bytes.toString('utf8'));
      const fault = line === undefined ? unreadable(bytes, length) : faultOf(line, chains[line.form]);
      if (line !== undefined) {
        counts[line.form] += 1;
        // What comes behind a line that does not hold is judged by that line: one fault is told once.
        chains[line.form] = { height: line.height ?? 0n, hash: line.hash };
        first ??= line;
        last = line;
      }
      if (fault === undefined) counts.holds += 1;
      else note(fault, offset);
      onLine(counts.lines, line, fault);
    },
    torn(length: number, end: number) {
      counts.lines += 1;
      const fault: SeedFault = {
        reason: 'torn',
        expected: 'a complete line',
        actual: `${length} bytes without a line end`,
      };
      note(fault, end - length);
      onLine(counts.lines, undefined, fault);
    },
    result() {
      const { torn = 0, ...others } = faults;
      const verdict: Examined['verdict'] =
        first === undefined
          ? 'none'
          : Object.keys(others).length > 0
            ? 'broken'
            : torn > 0
              ? 'torn-tail'
              : 'ok';
      return {
        verdict,
        blocks: counts.block,
        records: counts.record,
        holds: counts.holds,
        faults,
        firstBad,
        first,
        last,
      };
    },
  };
}

function faultOf(line: SeedLine, before: Chain): SeedFault | undefined {
  const { height, prevHash, hash, computed } = line;
  if (hash !== computed) return { reason: 'hash', expected: computed, actual: hash };
  if (prevHash !== before.hash)
    return {
      reason: 'prev-hash',
      expected: before.hash || 'nothing: it is the first',
      actual: prevHash || 'nothing',
    };
  if (height !== undefined && height !== before.height + 1n)
    return { reason: 'height', expected: String(before.height + 1n), actual: String(height) };
  return undefined;
}

function unreadable(bytes: Buffer, length: number): SeedFault {
  if (length > bytes.length || length > LINE_MAX)
    return { reason: 'too-long', expected: `at most ${LINE_MAX} bytes`, actual: `${length} bytes` };
  const actual = JSON.stringify(bytes.toString('latin1', 0, 60));
  return { reason: 'form', expected: 'a line as the older program writes it', actual };
}
