// Recognises canonical JSON by its bytes, without building values. Sound, not complete: -1 means "not certain".
import { MAX_DEPTH } from './canonical.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;
// 15 digits are always below 2^53.
const MAX_DIGITS = 15;

// The two-character escapes of RFC 8785: " \ b f n r t. Others (\u00xx) are left to the slow way.
const ESCAPES = new Set(Buffer.from('"\\bfnrt'));
const WORDS = ['null', 'true', 'false'].map((word) => Buffer.from(word));

/** Where the value that begins at `at` ends. */
export function skipValue(bytes: Buffer, at: number, depth = 0): number {
  const first = bytes[at] ?? 0;
  if (first === QUOTE) return skipString(bytes, at);
  if (first === OPEN_MAP) return depth < MAX_DEPTH ? skipObject(bytes, at, depth + 1, skipValue) : -1;
  if (first === OPEN_LIST) return depth < MAX_DEPTH ? skipArray(bytes, at, depth + 1) : -1;
  if (first === MINUS || (first >= ZERO && first <= NINE)) return skipInteger(bytes, at);
  for (const word of WORDS) if (first === word[0]) return skipLiteral(bytes, at, word);
  return -1;
}

/** An object whose values are all strings. */
export function skipStringMap(bytes: Buffer, at: number): number {
  return bytes[at] === OPEN_MAP ? skipObject(bytes, at, 1, skipString) : -1;
}

/** A string of ASCII characters. */
export function skipString(bytes: Buffer, at: number): number {
  if (bytes[at] !== QUOTE) return -1;
  for (let i = at + 1; ; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) return i + 1;
    if (byte < 0x20 || byte >= 0x80) return -1;
    if (byte === BACKSLASH && !ESCAPES.has(bytes[++i] ?? 0)) return -1;
  }
}

export function skipInteger(bytes: Buffer, at: number): number {
  const from = bytes[at] === MINUS ? at + 1 : at;
  let i = from;
  while ((bytes[i] ?? 0) >= ZERO && (bytes[i] ?? 0) <= NINE) i++;
  const digits = i - from;
  if (digits < 1 || digits > MAX_DIGITS) return -1;
  // Neither -0 nor a leading zero; what follows a whole number is never . or e, because the caller wants , ] or } there.
  return bytes[from] === ZERO && (digits > 1 || from > at) ? -1 : i;
}

export function skipLiteral(bytes: Buffer, at: number, literal: Buffer): number {
  if (at < 0) return -1;
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return -1;
  return at + literal.length;
}

function skipArray(bytes: Buffer, at: number, depth: number): number {
  if (bytes[at + 1] === CLOSE_LIST) return at + 2;
  for (let i = at + 1; ; i++) {
    i = skipValue(bytes, i, depth);
    if (i < 0) return -1;
    if (bytes[i] === CLOSE_LIST) return i + 1;
    if (bytes[i] !== COMMA) return -1;
  }
}

type Skip = (bytes: Buffer, at: number, depth: number) => number;

function skipObject(bytes: Buffer, at: number, depth: number, skip: Skip): number {
  if (bytes[at + 1] === CLOSE_MAP) return at + 2;
  let previous = -1;
  for (let i = at + 1; ; i++) {
    const key = i;
    i = skipString(bytes, key);
    if (i < 0 || bytes[i] !== COLON || (previous >= 0 && !isBefore(bytes, previous, key))) return -1;
    previous = key;
    i = skip(bytes, i + 1, depth);
    if (i < 0) return -1;
    if (bytes[i] === CLOSE_MAP) return i + 1;
    if (bytes[i] !== COMMA) return -1;
  }
}

// Keys in ascending order, none twice. Up to the first escape, ASCII bytes compare as UTF-16 code units do.
function isBefore(bytes: Buffer, one: number, other: number): boolean {
  for (let i = 1; ; i++) {
    const a = bytes[one + i] ?? 0;
    const b = bytes[other + i] ?? 0;
    if (a === BACKSLASH || b === BACKSLASH) return false;
    if (a === QUOTE) return b !== QUOTE;
    if (b === QUOTE || a > b) return false;
    if (a < b) return true;
  }
}
