// Verifies a ledger over the bytes as they stand in the file, never over re-serialised JSON.
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError } from '../lib/errors.ts';
import { NO_HASH } from './block.ts';
import { type BreakReason, checkLink, checkStrict } from './check-line.ts';
import { eachLine, type LineChunk, lineChunks } from './line-chunks.ts';
import { plainLines } from './plain-line.ts';

export type Head = { height: number; hash: string };

/** The first line that does not hold. `line` counts from 1, `offset` is in bytes from the start of the file. */
export type FirstBad = {
  height: number;
  line: number;
  offset: number;
  reason: BreakReason | 'torn' | 'known-head';
  expected: string;
  actual: string;
};

export type VerifyResult = {
  /** `torn-tail`: all is well but for an unfinished last line, as a power cut leaves it. */
  verdict: 'ok' | 'torn-tail' | 'broken';
  /** Good blocks from the start of the file on, and their bytes. */
  blocks: number;
  bytes: number;
  head: Head;
  firstBad?: FirstBad;
};

export type VerifyOptions = {
  /** `strict` (default) also demands the canonical form and the schema of every line; `fast` only hashes and links. */
  mode?: 'fast' | 'strict';
  /** A head remembered elsewhere: only it can show that blocks were cut off the end. */
  knownHead?: Head;
  signal?: AbortSignal;
  /** Called for each good line. */
  onLine?: (bytes: Buffer, start: number, end: number) => void;
};

/** Throws `bad-argument` if there is no file to read. */
export async function verifyLedger(path: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new AgentError('bad-argument', `The ledger ${path} cannot be read.`, { cause });
  });
  try {
    return await verifyFile(file, options);
  } finally {
    await file.close();
  }
}

/** The same over an open file, up to `to` bytes of it. */
export async function verifyFile(
  file: FileHandle,
  options: VerifyOptions & { to?: number } = {},
): Promise<VerifyResult> {
  const { mode = 'strict', knownHead, signal, onLine, to } = options;
  const result: VerifyResult = { verdict: 'ok', blocks: 0, bytes: 0, head: { height: 0, hash: NO_HASH } };
  const isStrict = mode === 'strict';
  const isPlain = plainLines();
  let knownHash = knownHead?.height === 0 ? NO_HASH : '';

  const visit = (chunk: LineChunk) => (start: number, end: number) => {
    const { head } = result;
    const link = checkLink(chunk.bytes, start, end, head);
    const broken =
      link.broken ??
      (isStrict && !isPlain(chunk.bytes, start, end) ? checkStrict(chunk.bytes, start, end) : undefined);
    if (broken) {
      result.verdict = 'broken';
      result.firstBad = {
        height: head.height + 1,
        line: head.height + 1,
        offset: chunk.offset + start,
        ...broken,
      };
      return false;
    }
    onLine?.(chunk.bytes, start, end);
    head.height += 1;
    head.hash = link.hash;
    result.bytes = chunk.offset + end + 1;
    if (head.height === knownHead?.height) knownHash = head.hash;
    return true;
  };

  for await (const chunk of lineChunks(file, { patience: 50, ...(to === undefined ? {} : { to }) })) {
    signal?.throwIfAborted();
    if (!chunk.complete) markTorn(result, chunk);
    else if (!eachLine(chunk.bytes, visit(chunk))) break;
  }
  result.blocks = result.head.height;
  if (knownHead && result.verdict !== 'broken' && knownHash !== knownHead.hash)
    markUnknown(result, knownHead, knownHash);
  return result;
}

function markTorn(result: VerifyResult, chunk: LineChunk): void {
  const { height } = result.head;
  const actual = `${chunk.bytes.length} bytes without a line end`;
  result.verdict = 'torn-tail';
  result.firstBad = {
    height: height + 1,
    line: height + 1,
    offset: chunk.offset,
    reason: 'torn',
    expected: 'a complete line',
    actual,
  };
}

function markUnknown(result: VerifyResult, known: Head, hash: string): void {
  result.verdict = 'broken';
  result.firstBad = {
    height: known.height,
    line: known.height,
    offset: result.bytes,
    reason: 'known-head',
    expected: known.hash,
    actual: hash === '' ? `the file ends at height ${result.head.height}` : hash,
  };
}
