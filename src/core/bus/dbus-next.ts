// How messages are written and bodies are read: the half of dbus-next that is used, and the only file that imports it.
//
// Its connection is not: that one reads the body of every message outside any try, before anybody knows who sent it,
// and ends the process with it (docs/adr/0014). Its main module also brings an XML parser that we have no use for.

import DBusBuffer from 'dbus-next/lib/dbus-buffer.js';
import format from 'dbus-next/lib/marshall-compat.js';
import types from 'dbus-next/lib/message-type.js';
import variants from 'dbus-next/lib/variant.js';

export interface Outgoing {
  type: 1 | 2 | 3 | 4;
  flags?: number;
  destination?: string;
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  signature: string;
  body: readonly unknown[];
}

const LITTLE = 0x6c;
const BIG = 0x42;

/** The bytes of a message. Throws when a name is none, or the body does not fit its signature. */
export function encode(message: Outgoing, serial: number): Buffer {
  const checked = new types.Message({ ...message, body: [...message.body], serial });
  const [bytes, descriptors] = format.marshallMessage(checked);
  if (descriptors.length > 0) throw new Error('descriptors are not sent over this connection');
  return bytes;
}

/**
 * The values of a body, as plain data. Throws when it does not fit its signature; may take long for a large one.
 * For bodies of senders that are trusted.
 */
export function decode(signature: string, body: Buffer | undefined, littleEndian: boolean): unknown[] {
  if (signature === '') return [];
  // An empty struct has no size, so that an array of them never ends.
  if (/\(\)|\{\}/.test(signature)) throw new Error(`there are no empty structs: ${signature}`);
  const reader = new DBusBuffer(body ?? Buffer.alloc(0), 0, littleEndian ? LITTLE : BIG);
  const values = reader.read(signature);
  if (reader.pos > reader.buffer.length) throw new RangeError(`the body is too short for "${signature}"`);
  return format.messageToJsFmt({ signature, body: values }).body.map(plain);
}

export function variant(signature: string, value: unknown): unknown {
  return new variants.Variant(signature, value);
}

/** Takes variants off and makes 64-bit integers a number, or a decimal string where a number is not exact. */
function plain(value: unknown): unknown {
  if (value instanceof variants.Variant) return plain(value.value);
  if (typeof value === 'bigint') {
    return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
      ? Number(value)
      : value.toString();
  }
  if (Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  }
  return value;
}
