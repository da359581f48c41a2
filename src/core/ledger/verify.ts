// Verifies a ledger over the bytes as they stand in the file, never over re-serialised JSON.
import type { FileHandle } from 'node:fs/promises';
import { AgentError } from '../lib/errors.ts';
import { NO_HASH } from './block.ts';
import { fileSource } from './byte-source.ts';
import { type BreakReason, checkLink, checkStrict } from './check-line.ts';
import { droppedUpTo } from './dropped.ts';
import type { Head } from './head.ts';
import { findHeight, findPrevHash } from './line-bytes.ts';
import { eachLine, type LineChunk, lineChunks } from './line-chunks.ts';
import { heightOfFirst, locateHeight } from './locate.ts';
import { plainLines } from './plain-line.ts';
import { type Segment, segmentsFrom } from './segments.ts';
import { claimedBefore } from './tail-check.ts';

const NEWLINE = 0x0a;

export type { Head };

/** The first line that does not hold. `line` counts from 1, `offset` is in bytes from the start of its file, unpacked. */
export type FirstBad = {
  height: number;
  /** Of a sealed segment: its path from the ledger's directory on. */
  file?: string;
  line: number;
  offset: number;
  /** `missing`: a segment is not there; `packed`: one cannot be unpacked as it was packed. */
  reason: BreakReason | 'missing' | 'packed' | 'torn' | 'known-head';
  expected: string;
  actual: string;
};

export type VerifyResult = {
  /** `torn-tail`: all is well but for an unfinished last line, as a power cut leaves it. */
  verdict: 'ok' | 'torn-tail' | 'broken';
  /** Good blocks, and the bytes of their lines, from the oldest that has a body on. */
  blocks: number;
  bytes: number;
  /** The block before the oldest one that has a body, as the ledger records it; absent when all are there. */
  start?: Head;
  head: Head;
  firstBad?: FirstBad;
};

export type VerifyOptions = {
  /** `strict` (default) also demands the canonical form and the schema of every line; `fast` only hashes and links. */
  mode?: 'fast' | 'strict';
  /** A head remembered elsewhere: only it can show that blocks were cut off the end. */
  knownHead?: Head;
  /** A block that is known to be right: only what comes after it is looked at. By default there is none before the first. */
  before?: Head;
  /** The height after which nothing is looked at; by default the end. */
  upTo?: number;
  signal?: AbortSignal;
  /** Called for each good line. */
  onLine?: (bytes: Buffer, start: number, end: number) => void;
};

/** Over all segments. Throws `bad-argument` if there is no file to read. */
export async function verifyLedger(path: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const check = newCheck(options, (head) => droppedUpTo(path, head));
  let isThere = false;
  for await (const segment of segmentsFrom(path, (options.before?.height ?? 0) + 1)) {
    isThere = true;
    if (!(await check.segment(segment))) break;
  }
  if (isThere) return check.end();
  throw new AgentError('bad-argument', `The ledger ${path} cannot be read.`);
}

/** Over one open file of a ledger. `before`: the block before its first one; by default that is the chain's first. */
export async function verifyFile(file: FileHandle, options: VerifyOptions = {}): Promise<VerifyResult> {
  const check = newCheck(options, async () => undefined);
  await check.segment({ source: await fileSource(file) });
  return check.end();
}

function newCheck(options: VerifyOptions, dropped: (head: Head) => Promise<Head | undefined>) {
  const { mode = 'strict', knownHead, signal, onLine, upTo = Number.POSITIVE_INFINITY } = options;
  const { before = { height: 0, hash: NO_HASH } } = options;
  const result: VerifyResult = { verdict: 'ok', blocks: 0, bytes: 0, head: { ...before } };
  const { head } = result;
  const isStrict = mode === 'strict';
  const isPlain = plainLines();
  let knownHash = knownHead?.height === 0 ? NO_HASH : '';

  const fail = (at: Spot, broken: Pick<FirstBad, 'reason' | 'expected' | 'actual'>) => {
    result.verdict = 'broken';
    const damage = at.segment.source.damage(at.offset);
    const why = damage === undefined ? broken : { ...PACKED, actual: damage };
    result.firstBad = { height: head.height + 1, ...placeOf(at), ...why };
    return false;
  };

  const visit = (at: Spot, chunk: LineChunk) => (start: number, end: number) => {
    if (head.height >= upTo) return false;
    at.offset = chunk.offset + start;
    if (at.passing && isUpTo(before.height, chunk.bytes, start, end)) return true;
    at.passing = false;
    const link = checkLink(chunk.bytes, start, end, head);
    const broken =
      link.broken ??
      (isStrict && !isPlain(chunk.bytes, start, end) ? checkStrict(chunk.bytes, start, end) : undefined);
    if (broken) return fail(at, broken);
    onLine?.(chunk.bytes, start, end);
    head.height += 1;
    head.hash = link.hash;
    at.line += 1;
    result.blocks += 1;
    result.bytes += end - start + 1;
    if (head.height === knownHead?.height) knownHash = head.hash;
    return true;
  };

  // A segment that begins further on is right only where its ledger says that what is before it was dropped.
  async function enter(at: Spot, { bytes }: LineChunk): Promise<boolean> {
    const claimed = claimedBefore(bytes, 0, bytes.indexOf(NEWLINE));
    if (!(claimed.height > head.height)) return true;
    if (await dropped(claimed)) {
      result.start = { ...claimed };
      Object.assign(head, claimed);
      if (head.height === knownHead?.height) knownHash = head.hash;
      return true;
    }
    // Where the line is not even a block, that is what is wrong.
    if (checkLink(bytes, 0, bytes.indexOf(NEWLINE), claimed).broken) return true;
    const expected = `block ${head.height + 1}`;
    return fail(at, { reason: 'missing', expected, actual: `block ${claimed.height + 1}` });
  }

  return {
    /** False when nothing after it needs to be looked at. */
    async segment(segment: Segment): Promise<boolean> {
      const at: Spot = { segment, offset: 0, line: 1, passing: false };
      const from = result.blocks === 0 ? await skipTo(at, before.height) : 0;
      for await (const chunk of lineChunks(segment.source, { from, patience: segment.sealed ? 0 : 50 })) {
        signal?.throwIfAborted();
        if (head.height >= upTo) return false;
        at.offset = chunk.offset;
        if (!chunk.complete) return markTorn(result, at, chunk);
        if (chunk.offset === 0 && !(await enter(at, chunk))) return false;
        if (!eachLine(chunk.bytes, visit(at, chunk))) return false;
      }
      return true;
    },
    end(): VerifyResult {
      if (knownHead && result.verdict !== 'broken' && knownHash !== knownHead.hash)
        markUnknown(result, knownHead, knownHash);
      return result;
    },
  };
}

/** Where to begin in the segment that holds the block that is known, which is the first one that is looked at. */
async function skipTo(at: Spot, height: number): Promise<number> {
  const first = height > 0 ? await heightOfFirst(at.segment.source) : undefined;
  if (first === undefined || first > height) return 0;
  at.line = height - first + 2;
  at.passing = true;
  return locateHeight(at.segment.source, height + 1);
}

function isUpTo(height: number, bytes: Buffer, start: number, end: number): boolean {
  return findHeight(bytes, start, findPrevHash(bytes, start, end)) <= height;
}

/** A line of a segment: its number in that file from 1 on, and where it begins there. */
type Spot = { segment: Segment; line: number; offset: number; passing: boolean };

const PACKED = { reason: 'packed', expected: 'a packed segment as it was written' } as const;

function placeOf({ segment, line, offset }: Spot): Pick<FirstBad, 'file' | 'line' | 'offset'> {
  return { ...(segment.sealed && { file: segment.sealed.file }), line, offset };
}

// Only the file that is appended to may end like that; a sealed one was whole when it was sealed.
function markTorn(result: VerifyResult, at: Spot, chunk: LineChunk): boolean {
  result.verdict = at.segment.sealed ? 'broken' : 'torn-tail';
  result.firstBad = {
    height: result.head.height + 1,
    ...placeOf(at),
    reason: 'torn',
    expected: 'a complete line',
    actual: `${chunk.bytes.length} bytes without a line end`,
  };
  return false;
}

function markUnknown(result: VerifyResult, known: Head, hash: string): void {
  result.verdict = 'broken';
  result.firstBad = {
    height: known.height,
    line: known.height - (result.start?.height ?? 0),
    offset: result.bytes,
    reason: 'known-head',
    expected: known.hash,
    actual: hash === '' ? `the ledger ends at height ${result.head.height}` : hash,
  };
}
