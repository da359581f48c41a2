// Finds the parts of a line by its bytes alone, without parsing it.
import { FOOT_BYTES, HEAD_BYTES } from './line.ts';
import type { Summary } from './stats.ts';

const HEAD = Buffer.from('{"block":');
const FOOT = Buffer.from(',"hash":"');
const END = Buffer.from('"}');
const PREV_HASH = Buffer.from('"prev_hash":"');
const HEIGHT = Buffer.from('"height":');
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

/** The 64 digits of `hash` in a framed line. */
export function storedHash(bytes: Buffer, end: number): string {
  return bytes.toString('latin1', end - 66, end - 2);
}

/**
 * Where the 64 digits of `prev_hash` begin, or -1. Searched from the end: after it come only `producer`, `timestamp`, `user`,
 * `version`, and inside a JSON string the searched bytes cannot occur, because a quote there has a backslash before it.
 */
export function findPrevHash(bytes: Buffer, start: number, end: number): number {
  return findBackwards(bytes, PREV_HASH, start, end - FOOT_BYTES);
}

/** The height in a line whose prev_hash digits begin at `before`; NaN if there is none. */
export function findHeight(bytes: Buffer, start: number, before: number): number {
  let limit = before;
  for (;;) {
    const at = findBackwards(bytes, HEIGHT, start, limit);
    if (at < 0) return Number.NaN;
    // `metadata` may have a key named height, but its values are strings; so a digit tells them apart.
    if (bytes[at] !== QUOTE) return readDigits(bytes, at);
    limit = at;
  }
}

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

// A line that is linked but not canonical may hold anything here; it is counted as it stands.
function unquote(text: string): string {
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

function findBackwards(bytes: Buffer, needle: Buffer, start: number, end: number): number {
  const last = needle.length - 1;
  for (let i = end - 1; i - last >= start; i--) {
    // Compared from a letter that is rare in the fields passed over.
    if (bytes[i] === needle[last] && bytes[i - 1] === needle[last - 1] && standsAt(bytes, needle, i - last))
      return i + 1;
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
