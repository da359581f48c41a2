// Recognises by bytes the lines that agents usually write: canonical for certain, and of the right shape.
import { ACTION, BOOT_ID } from './block.ts';
import { isCategory, producerOf } from './categories.ts';
import { skipInteger, skipLiteral, skipString, skipStringMap, skipValue } from './plain-json.ts';

const literal = (text: string) => Buffer.from(text);
const DATA = literal(',"data":');
const CAUSE = literal(',"cause":');
const NULL = literal('null');
const HEIGHT = literal(',"height":');
const HOSTNAME = literal(',"hostname":');
const METADATA = literal(',"metadata":');
const PID = literal(',"pid":');
const PREV_HASH = literal(',"prev_hash":"');
const TIMESTAMP = literal('","timestamp":"');
const USER = literal('","user":');
const VERSION = literal(',"version":1},"hash":"');
const END = literal('"}');

const HEAD = /^\{"block":\{"action":"([^"\\]*)","boot_id":"([^"\\]*)","category":"([a-z]*)"$/;
const MAX_HEADS = 1000;

/** Tells whether a line is surely what strict verification wants. */
export type PlainLines = (bytes: Buffer, start: number, end: number) => boolean;

/**
 * One for each verification: it remembers the beginnings of lines it has looked at, of which a ledger has few. What it does not
 * recognise (text beyond ASCII, fractions) must be looked at the slow way; the result is the same, only about five times slower.
 */
export function plainLines(): PlainLines {
  const heads = new Map<string, Buffer | undefined>();

  // What must stand between prev_hash and the timestamp after this beginning; undefined if it is not a good one.
  function producerAfter(head: string): Buffer | undefined {
    if (heads.has(head)) return heads.get(head);
    const [, action = '', bootId = '', category = ''] = HEAD.exec(head) ?? [];
    const good = ACTION.test(action) && BOOT_ID.test(bootId) && isCategory(category);
    const producer = good ? literal(`","producer":"${producerOf(category)}`) : undefined;
    if (heads.size < MAX_HEADS) heads.set(head, producer);
    return producer;
  }

  return (bytes, start, end) => {
    const causeAt = findCause(bytes, start, end);
    const producer = causeAt < 0 ? undefined : producerAfter(bytes.toString('latin1', start, causeAt));
    return producer !== undefined && isPlainRest(bytes, causeAt, end, producer);
  };
}

// The 14th quote ends the category: nothing before it may hold a quote, which the regular expression makes sure of.
function findCause(bytes: Buffer, start: number, end: number): number {
  for (let i = start, quotes = 0; i < end; i++) if (bytes[i] === 0x22 && ++quotes === 14) return i + 1;
  return -1;
}

function isPlainRest(bytes: Buffer, from: number, end: number, producer: Buffer): boolean {
  const cause = skipLiteral(bytes, from, CAUSE);
  const causeEnd = skipCause(bytes, cause);
  const data = skipLiteral(bytes, causeEnd, DATA);
  const height = skipLiteral(bytes, data < 0 ? -1 : skipValue(bytes, data), HEIGHT);
  if (height < 0 || !isEarlier(bytes, cause, causeEnd, height)) return false;
  const hostname = skipLiteral(bytes, skipInteger(bytes, height), HOSTNAME);
  const metadata = skipLiteral(bytes, skipName(bytes, hostname), METADATA);
  const pid = skipLiteral(bytes, metadata < 0 ? -1 : skipStringMap(bytes, metadata), PID);
  const prevHash = skipLiteral(bytes, skipPid(bytes, pid), PREV_HASH);
  const timestamp = skipLiteral(bytes, skipLiteral(bytes, skipHash(bytes, prevHash), producer), TIMESTAMP);
  const user = skipLiteral(bytes, skipTimestamp(bytes, timestamp), USER);
  const hash = skipLiteral(bytes, skipName(bytes, user), VERSION);
  return skipLiteral(bytes, skipHash(bytes, hash), END) === end;
}

function skipCause(bytes: Buffer, at: number): number {
  if (at < 0) return -1;
  return bytes[at] === 0x6e ? skipLiteral(bytes, at, NULL) : skipInteger(bytes, at);
}

// cause is null, or from 1 to height - 1.
function isEarlier(bytes: Buffer, cause: number, causeEnd: number, height: number): boolean {
  if (bytes[cause] === 0x6e) return true;
  const value = number(bytes, cause, causeEnd);
  return value >= 1 && value < number(bytes, height, skipInteger(bytes, height));
}

function skipPid(bytes: Buffer, at: number): number {
  if (at < 0) return -1;
  const end = skipInteger(bytes, at);
  const value = number(bytes, at, end);
  return value >= 0 && value <= 0xffff_ffff ? end : -1;
}

// Negative numbers come out as NaN, and NaN fails every comparison.
function number(bytes: Buffer, from: number, to: number): number {
  let value = to > from ? 0 : Number.NaN;
  for (let i = from; i < to; i++)
    value = bytes[i] === 0x2d ? Number.NaN : value * 10 + (bytes[i] ?? 0) - 0x30;
  return value;
}

// 1 to 255 characters; with escapes in it the bytes are not the characters, but never fewer.
function skipName(bytes: Buffer, at: number): number {
  const end = at < 0 ? -1 : skipString(bytes, at);
  const length = end - at - 2;
  return end >= 0 && length >= 1 && length <= 255 ? end : -1;
}

function skipHash(bytes: Buffer, at: number): number {
  if (at < 0) return -1;
  for (let i = at; i < at + 64; i++) {
    const byte = bytes[i] ?? 0;
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return -1;
  }
  return at + 64;
}

const SHAPE = literal('0000-00-00T00:00:00.000Z');

function skipTimestamp(bytes: Buffer, at: number): number {
  if (at < 0) return -1;
  for (let i = 0; i < SHAPE.length; i++) {
    const byte = bytes[at + i] ?? 0;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (SHAPE[i] === 0x30 ? !isDigit : byte !== SHAPE[i]) return -1;
  }
  const part = (from: number) => number(bytes, at + from, at + from + 2);
  const month = part(5);
  const day = part(8);
  // 29 February is left to the slow way, which knows the calendar.
  const isDay =
    day >= 1 && (day <= 28 || (day <= 30 && month !== 2) || (day === 31 && LONG_MONTHS.has(month)));
  const isTime = part(11) <= 23 && part(14) <= 59 && part(17) <= 59;
  return month >= 1 && month <= 12 && isDay && isTime ? at + SHAPE.length : -1;
}

const LONG_MONTHS = new Set([1, 3, 5, 7, 8, 10, 12]);
