// Finds the parts of a line by its bytes alone, without parsing it.
import { FOOT_BYTES, HEAD_BYTES } from './line.ts';

const HEAD = Buffer.from('{"block":');
const FOOT = Buffer.from(',"hash":"');
const END = Buffer.from('"}');
const PREV_HASH = makeNeedle('"prev_hash":"');
const HEIGHT = makeNeedle('"height":');
const QUOTE = 0x22;

// Distances between the values of neighbouring fields; action and boot_id cannot hold a quote.
const ACTION_AT = '{"block":{"action":"'.length;
const BOOT_SKIP = '","boot_id":"'.length;
const CATEGORY_SKIP = '","category":"'.length;
const PRODUCER_SKIP = 64 + '","producer":"'.length;
const TIMESTAMP_SKIP = '","timestamp":"'.length;
const TIMESTAMP_BYTES = '2026-11-23T08:30:32.123Z'.length;
const USER_SKIP = TIMESTAMP_BYTES + '","user":'.length;
const VERSION_BYTES = ',"version":1}'.length;

/** True when the line has the frame `{"block":…,"hash":"…"}`. */
export function isFramed(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start > HEAD_BYTES + FOOT_BYTES &&
    standsAt(bytes, HEAD, start) &&
    standsAt(bytes, FOOT, end - FOOT_BYTES) &&
    standsAt(bytes, END, end - 2)
  );
}

/** Where the 64 digits of `hash` begin in a framed line. */
export function findHash(end: number): number {
  return end - 66;
}

/** True when the 64 digits at `at` are `hash`. Byte by byte: a call out of JavaScript costs more. */
export function hasHash(bytes: Buffer, at: number, hash: string): boolean {
  for (let i = 0; i < 64; i++) if (bytes[at + i] !== hash.charCodeAt(i)) return false;
  return true;
}

/**
 * Where the 64 digits of `prev_hash` begin, or -1. Searched from the end: after it come only `producer`, `timestamp`, `user`,
 * `version`, and inside a JSON string the searched bytes cannot occur, because a quote there has a backslash before it.
 */
export function findPrevHash(bytes: Buffer, start: number, end: number): number {
  return findLast(bytes, PREV_HASH, start, end - FOOT_BYTES);
}

/** The height in a line whose prev_hash digits begin at `before`; NaN if there is none. */
export function findHeight(bytes: Buffer, start: number, before: number): number {
  for (let at = before; ; at -= HEIGHT.bytes.length) {
    at = findLast(bytes, HEIGHT, start, at);
    if (at < 0) return Number.NaN;
    // `metadata` may have a key named height, but its values are strings; so a digit tells them apart.
    const value = readDigits(bytes, at);
    if (!Number.isNaN(value)) return value;
  }
}

export type Summary = { category: string; producer: string; timestamp: string; user: string };

/** What statistics count. The line must have been checked before. */
export function readSummary(bytes: Buffer, start: number, end: number): Summary {
  const actionEnd = bytes.indexOf(QUOTE, start + ACTION_AT);
  const bootEnd = bytes.indexOf(QUOTE, actionEnd + BOOT_SKIP);
  const categoryAt = bootEnd + CATEGORY_SKIP;
  const category = bytes.toString('latin1', categoryAt, bytes.indexOf(QUOTE, categoryAt));
  const producerAt = findPrevHash(bytes, start, end) + PRODUCER_SKIP;
  const producerEnd = bytes.indexOf(QUOTE, producerAt);
  const timestampAt = producerEnd + TIMESTAMP_SKIP;
  const userAt = timestampAt + USER_SKIP;
  return {
    category,
    producer: bytes.toString('latin1', producerAt, producerEnd),
    timestamp: bytes.toString('latin1', timestampAt, timestampAt + TIMESTAMP_BYTES),
    user: unquote(bytes.toString('utf8', userAt, end - FOOT_BYTES - VERSION_BYTES)),
  };
}

/** A first look: whether a line says that it has one of these categories. */
export function ofCategories(
  categories: readonly string[],
): (bytes: Buffer, start: number, end: number) => boolean {
  const wanted = categories.map((name) => Buffer.from(`${name}"`));
  return (bytes, start) => {
    const actionEnd = bytes.indexOf(QUOTE, start + ACTION_AT);
    const at = bytes.indexOf(QUOTE, actionEnd + BOOT_SKIP) + CATEGORY_SKIP;
    return wanted.some((name) => standsAt(bytes, name, at));
  };
}

// A line that is linked but not canonical may hold anything here; it is counted as it stands.
function unquote(text: string): string {
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

type Needle = { bytes: Buffer; shift: Uint8Array };

// Boyer-Moore-Horspool from the right: how far left the needle may go when its first place meets this byte.
function makeNeedle(text: string): Needle {
  const bytes = Buffer.from(text);
  const shift = new Uint8Array(256).fill(bytes.length);
  for (let i = bytes.length - 1; i > 0; i--) shift[bytes[i] ?? 0] = i;
  return { bytes, shift };
}

// Where the bytes after the last occurrence in [start, end) begin, or -1.
function findLast(bytes: Buffer, needle: Needle, start: number, end: number): number {
  const { bytes: wanted, shift } = needle;
  for (let i = end - wanted.length; i >= start; ) {
    const first = bytes[i] ?? 0;
    if (first === wanted[0] && standsAt(bytes, wanted, i)) return i + wanted.length;
    i -= shift[first] ?? 1;
  }
  return -1;
}

function readDigits(bytes: Buffer, at: number): number {
  let value = 0;
  let i = at;
  for (let digit = (bytes[i] ?? 0) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[++i] ?? 0) - 0x30) {
    value = value * 10 + digit;
  }
  return i === at ? Number.NaN : value;
}

function standsAt(bytes: Buffer, needle: Buffer, at: number): boolean {
  for (let i = 0; i < needle.length; i++) if (bytes[at + i] !== needle[i]) return false;
  return true;
}
