// STUN messages (RFC 8489, 5389 and the older 3489) as bytes and back; pure.

import { crc32 } from './crc32.ts';

export type StunClass = 'request' | 'indication' | 'success' | 'error';

export interface StunAttribute {
  type: number;
  value: Uint8Array;
}

export interface StunMessage {
  class: StunClass;
  /** 1 is Binding. */
  method: number;
  /**
   * The 16 bytes after the length. Since RFC 5389 the first four are the magic cookie; to an RFC 3489 peer all are
   * transaction id, which it echoes.
   */
  id: Uint8Array;
  attributes: readonly StunAttribute[];
}

export const BINDING = 0x001;
/** RFC 8489 5. */
export const MAGIC_COOKIE = Uint8Array.of(0x21, 0x12, 0xa4, 0x42);

/** RFC 8489 18.3, RFC 5780 7, and those of RFC 3489 that old servers still send. */
export const ATTRIBUTE = {
  mappedAddress: 0x0001,
  responseAddress: 0x0002,
  changeRequest: 0x0003,
  sourceAddress: 0x0004,
  changedAddress: 0x0005,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  messageIntegritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  /** What drafts before RFC 5389 called XOR-MAPPED-ADDRESS. */
  oldXorMappedAddress: 0x8020,
  fingerprint: 0x8028,
} as const;

const HEADER = 20;
const CLASSES = ['request', 'indication', 'success', 'error'] as const;
/** RFC 8489 14.7: "STUN". */
const FINGERPRINT_XOR = 0x5354554e;

/** Whether the message follows RFC 5389 or later: the peer knows the magic cookie. */
export function hasCookie({ id }: Pick<StunMessage, 'id'>): boolean {
  return MAGIC_COOKIE.every((byte, at) => id[at] === byte);
}

/**
 * Reads a datagram; undefined for everything that is no whole STUN message: wrong length, an attribute that does not
 * fit, a fingerprint that is wrong or not last. Never throws. The result shares no memory with `bytes`.
 */
export function decodeMessage(bytes: Uint8Array): StunMessage | undefined {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(0);
  const length = view.getUint16(2);
  // RFC 8489 5: the first two bits are zero; attributes are padded to four bytes.
  if (type > 0x3fff || length % 4 !== 0 || bytes.length !== HEADER + length) return undefined;
  const id = copyOf(bytes, 4, HEADER);
  const attributes = decodeAttributes(bytes, view);
  if (attributes === undefined) return undefined;
  // RFC 8489 5, figure 3: the class's two bits stand between the method's.
  const stunClass = CLASSES[((type >> 7) & 2) | ((type >> 4) & 1)] ?? 'request';
  const method = (type & 0xf) | ((type >> 1) & 0x70) | ((type >> 2) & 0xf80);
  return { class: stunClass, method, id, attributes };
}

function decodeAttributes(bytes: Uint8Array, view: DataView): StunAttribute[] | undefined {
  const attributes: StunAttribute[] = [];
  let signed = false;
  for (let at = HEADER; at < bytes.length; ) {
    const type = view.getUint16(at);
    const end = at + 4 + view.getUint16(at + 2);
    const next = end + padding(end);
    if (next > bytes.length) return undefined;
    if (type === ATTRIBUTE.fingerprint) {
      const whole = next === bytes.length && end === at + 8;
      if (!whole || view.getUint32(at + 4) !== fingerprint(bytes.subarray(0, at))) return undefined;
    }
    // RFC 8489 14.5: what follows the integrity attribute was not signed and is ignored.
    if (!signed || type === ATTRIBUTE.fingerprint || type === ATTRIBUTE.messageIntegritySha256) {
      attributes.push({ type, value: copyOf(bytes, at + 4, end) });
    }
    signed ||= type === ATTRIBUTE.messageIntegrity || type === ATTRIBUTE.messageIntegritySha256;
    at = next;
  }
  return attributes;
}

/**
 * The bytes of a message, with `fingerprint` added at its end when asked for. `id` has 16 bytes; an attribute of type
 * FINGERPRINT is the caller's mistake. Throws RangeError for what has no bytes.
 */
export function encodeMessage(message: StunMessage, options: { fingerprint?: boolean } = {}): Uint8Array {
  const { id, attributes, method } = message;
  if (id.length !== 16 || method < 0 || method > 0xfff) throw new RangeError('No STUN message');
  const body = attributes.reduce((sum, { value }) => sum + 4 + value.length + padding(value.length), 0);
  const length = body + (options.fingerprint ? 8 : 0);
  if (length > 0xffff || attributes.some(({ value }) => value.length > 0xffff)) {
    throw new RangeError('STUN message too long');
  }
  const bytes = new Uint8Array(HEADER + length);
  const view = new DataView(bytes.buffer);
  const bits = CLASSES.indexOf(message.class);
  const classBits = ((bits & 2) << 7) | ((bits & 1) << 4);
  view.setUint16(0, (method & 0xf) | ((method & 0x70) << 1) | ((method & 0xf80) << 2) | classBits);
  view.setUint16(2, length);
  bytes.set(id, 4);
  let at = HEADER;
  for (const { type, value } of attributes) {
    view.setUint16(at, type);
    view.setUint16(at + 2, value.length);
    bytes.set(value, at + 4);
    at += 4 + value.length + padding(value.length);
  }
  if (options.fingerprint) {
    view.setUint16(at, ATTRIBUTE.fingerprint);
    view.setUint16(at + 2, 4);
    view.setUint32(at + 4, fingerprint(bytes.subarray(0, at)));
  }
  return bytes;
}

/** RFC 8489 14.7: over everything before the attribute, the header's length counting it already. */
function fingerprint(before: Uint8Array): number {
  return (crc32(before) ^ FINGERPRINT_XOR) >>> 0;
}

/** A Buffer's own slice would be a view of the same memory. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}
