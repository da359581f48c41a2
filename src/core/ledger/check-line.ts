// Decides whether one line is the next link of the chain, and whether it is written as it must be.
import { isUtf8 } from 'node:buffer';
import type { Json } from '../lib/json.ts';
import { lineSchema } from './block.ts';
import { canonical, MAX_DEPTH } from './canonical.ts';
import { FOOT_BYTES, HEAD_BYTES, MAX_LINE_BYTES } from './line.ts';
import { findHash, findHeight, findPrevHash, hasHash, isFramed } from './line-bytes.ts';
import { sha256Hex } from './sha256.ts';

export type BreakReason = 'too-long' | 'frame' | 'hash' | 'prev-hash' | 'height' | 'not-canonical' | 'schema';
export type Broken = { reason: BreakReason; expected: string; actual: string };

/** Hashes the block's bytes and compares: its hash, the hash before it, its height. */
export function checkLink(
  bytes: Buffer,
  start: number,
  end: number,
  previous: { height: number; hash: string },
): { hash: string; broken?: Broken } {
  if (end - start > MAX_LINE_BYTES)
    return bad('too-long', `at most ${MAX_LINE_BYTES} bytes`, `${end - start} bytes or more`);
  if (!isFramed(bytes, start, end)) return bad('frame', '{"block":…,"hash":"…"}', excerpt(bytes, start, end));
  const hash = sha256Hex(bytes.subarray(start + HEAD_BYTES, end - FOOT_BYTES));
  const stored = findHash(end);
  if (!hasHash(bytes, stored, hash)) return bad('hash', hash, digits(bytes, stored));
  const at = findPrevHash(bytes, start, end);
  if (at < 0 || !hasHash(bytes, at, previous.hash)) return bad('prev-hash', previous.hash, digits(bytes, at));
  const height = findHeight(bytes, start, at);
  if (height !== previous.height + 1) return bad('height', `${previous.height + 1}`, `${height}`);
  return { hash };
}

/**
 * The line must be the one canonical text of what it says. Otherwise two readers may see two different blocks behind one hash:
 * a key given twice, `1e2` for `100`, `\u0067` for `g`.
 */
export function checkStrict(bytes: Buffer, start: number, end: number): Broken | undefined {
  const slice = bytes.subarray(start, end);
  // Invalid UTF-8 decodes to U+FFFD and would compare equal to itself.
  if (!isUtf8(slice)) return { reason: 'not-canonical', expected: 'UTF-8', actual: 'other bytes' };
  const text = slice.toString('utf8');
  const value = parse(text);
  const again = value === undefined ? 'not JSON' : canonicalOrWhy(value);
  if (again !== text) return difference(again, text);
  const fit = lineSchema.safeParse(value);
  if (fit.success) return undefined;
  const issue = fit.error.issues[0];
  return { reason: 'schema', expected: issue?.message ?? 'a block', actual: issue?.path.join('.') ?? '' };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function canonicalOrWhy(value: Json): string {
  try {
    // The line puts its data two levels deeper than it was appended.
    return canonical(value, MAX_DEPTH + 2);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function difference(expected: string, actual: string): Broken {
  let at = 0;
  while (at < expected.length && expected[at] === actual[at]) at += 1;
  const from = Math.max(0, at - 10);
  return {
    reason: 'not-canonical',
    expected: expected.slice(from, from + 60),
    actual: actual.slice(from, from + 60),
  };
}

function digits(bytes: Buffer, at: number): string {
  return at < 0 ? 'none' : bytes.toString('latin1', at, at + 64);
}

function excerpt(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('latin1', start, Math.min(end, start + 60));
  return JSON.stringify(end - start > 60 ? `${text}…` : text);
}

function bad(reason: BreakReason, expected: string, actual: string): { hash: string; broken: Broken } {
  return { hash: '', broken: { reason, expected, actual } };
}
