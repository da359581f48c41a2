// Cuts the stream of a D-Bus connection into messages; reads their headers, and keeps only the bodies that are wanted.
//
// Whoever may send us anything decides about its content: lengths are checked before anything is read or kept, and a
// body that nobody waits for passes by without being looked at (D-Bus specification, "Message Format").

export interface Header {
  /** 1 call, 2 return, 3 error, 4 signal; others may come and mean nothing. */
  type: number;
  flags: number;
  serial: number;
  littleEndian: boolean;
  /** Bytes. */
  bodyLength: number;
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  sender?: string;
  /** Empty without a body. */
  signature: string;
}

export interface FrameParts {
  /** Whether the body shall be kept, as long as it is; it is all in memory then. */
  wants(header: Header): boolean;
  /** `body` is undefined when it was not wanted, or empty. */
  onMessage(header: Header, body: Buffer | undefined): void;
}

const FIXED = 16;
/** A bus message has at most 128 MiB; more means that we have lost the place in the stream. */
const MESSAGE_MAX = 2 ** 27;
/** Names have 255 bytes at most; only paths may be long. A message with a longer header is passed over. */
const FIELDS_MAX = 64 * 1024;

const LITTLE = 0x6c;
const BIG = 0x42;

/** Codes of header fields that we look at, with their types. */
const FIELDS: Readonly<Record<number, readonly [key: keyof Header, type: string]>> = {
  1: ['path', 'o'],
  2: ['interface', 's'],
  3: ['member', 's'],
  4: ['errorName', 's'],
  5: ['replySerial', 'u'],
  7: ['sender', 's'],
  8: ['signature', 'g'],
};

/** Returns the function that takes what comes. It throws when the stream is no D-Bus, which cannot be mended. */
export function frameReader({ wants, onMessage }: FrameParts): (chunk: Buffer) => void {
  const held: Buffer[] = [];
  let heldBytes = 0;
  let skip = 0;
  let need = FIXED;
  let step: (bytes: Buffer) => void = onFixed;

  function take(length: number): Buffer {
    const first = held[0];
    const bytes = first !== undefined && first.length >= length ? first : Buffer.concat(held, heldBytes);
    if (bytes !== first) held.splice(0, held.length, bytes);
    held[0] = bytes.subarray(length);
    if (held[0].length === 0) held.shift();
    heldBytes -= length;
    return bytes.subarray(0, length);
  }

  function expect(length: number, next: (bytes: Buffer) => void): void {
    need = length;
    step = next;
  }

  function passOver(length: number): void {
    skip = length;
    expect(FIXED, onFixed);
  }

  function onFixed(bytes: Buffer): void {
    const [endian, type = 0, flags = 0, version] = bytes;
    const littleEndian = endian === LITTLE;
    const number = (at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
    const [bodyLength, serial, fieldsLength] = [number(4), number(8), number(12)];
    const padded = Math.ceil(fieldsLength / 8) * 8;
    if ((!littleEndian && endian !== BIG) || version !== 1 || FIXED + padded + bodyLength > MESSAGE_MAX)
      throw new Error('what comes over the bus is no D-Bus message');
    if (fieldsLength > FIELDS_MAX) {
      passOver(padded + bodyLength);
      return;
    }
    const start = { type, flags, serial, littleEndian, bodyLength, signature: '' };
    expect(padded, (fields) => onFields(start, fields.subarray(0, fieldsLength)));
  }

  function onFields(start: Header, fields: Buffer): void {
    const header = readFields(start, fields);
    if (header === undefined || header.bodyLength === 0 || !wants(header)) {
      passOver(start.bodyLength);
      if (header !== undefined) onMessage(header, undefined);
      return;
    }
    expect(header.bodyLength, (body) => {
      expect(FIXED, onFixed);
      onMessage(header, body);
    });
  }

  return (chunk) => {
    held.push(chunk);
    heldBytes += chunk.length;
    for (;;) {
      if (skip > 0) {
        const passed = Math.min(skip, heldBytes);
        if (passed > 0) take(passed);
        skip -= passed;
      }
      if (skip > 0 || heldBytes < need) return;
      step(take(need));
    }
  };
}

/** The header with its fields, or undefined when they cannot be read: nobody can be answered then. */
function readFields(header: Header, bytes: Buffer): Header | undefined {
  let at = 0;
  const number = (): number => {
    at = Math.ceil(at / 4) * 4 + 4;
    return header.littleEndian ? bytes.readUInt32LE(at - 4) : bytes.readUInt32BE(at - 4);
  };
  const text = (length: number): string => {
    const end = at + length;
    if (end >= bytes.length) throw new RangeError('a field ends behind the header');
    const value = bytes.toString('utf8', at, end);
    at = end + 1;
    return value;
  };
  const values: Record<string, string | number> = {};
  try {
    while (at < bytes.length) {
      at = Math.ceil(at / 8) * 8;
      const code = bytes.readUInt8(at++);
      const type = text(bytes.readUInt8(at++));
      const value =
        type === 's' || type === 'o' ? text(number()) : type === 'g' ? text(bytes.readUInt8(at++)) : number();
      if (!'sogu'.includes(type) || type.length !== 1) return undefined;
      const field = FIELDS[code];
      if (field === undefined) continue;
      if (field[1] !== type) return undefined;
      values[field[0]] = value;
    }
  } catch {
    return undefined;
  }
  return { ...header, ...values };
}
