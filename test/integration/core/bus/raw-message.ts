// Writes D-Bus messages byte by byte, as a library would not: any type, any lengths, any body.

export interface RawMessage {
  type?: number;
  flags?: number;
  serial?: number;
  bigEndian?: boolean;
  /** By field code: 1 path, 2 interface, 3 member, 4 error name, 5 reply serial, 6 destination, 8 signature. */
  fields?: Record<number, string | number>;
  body?: Buffer;
  /** In place of the body's true length. */
  bodyLength?: number;
}

const TYPES: Record<number, string> = {
  1: 'o',
  2: 's',
  3: 's',
  4: 's',
  5: 'u',
  6: 's',
  7: 's',
  8: 'g',
  9: 'u',
};

export function rawMessage({
  type = 1,
  flags = 0,
  serial = 1,
  bigEndian = false,
  fields = {},
  body = Buffer.alloc(0),
  bodyLength = body.length,
}: RawMessage): Buffer {
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    if (bigEndian) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  };
  let array = Buffer.alloc(0);
  for (const [code, value] of Object.entries(fields)) {
    const kind = TYPES[Number(code)] ?? 's';
    const text = Buffer.from(`${value}\0`);
    const content =
      kind === 'u'
        ? u32(Number(value))
        : kind === 'g'
          ? Buffer.concat([Buffer.of(text.length - 1), text])
          : Buffer.concat([u32(text.length - 1), text]);
    array = Buffer.concat([padded(array, 8), Buffer.of(Number(code), 1, kind.charCodeAt(0), 0), content]);
  }
  const start = Buffer.from([(bigEndian ? 'B' : 'l').charCodeAt(0), type, flags, 1]);
  const head = Buffer.concat([start, u32(bodyLength), u32(serial), u32(array.length), array]);
  return Buffer.concat([padded(head, 8), body]);
}

function padded(bytes: Buffer, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((to - (bytes.length % to)) % to)]);
}

export const u32 = (...values: number[]): Buffer =>
  Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return bytes;
    }),
  );

/** The body of `av` with this many variants of a byte each. */
export function variants(count: number): Buffer {
  return Buffer.concat([u32(count * 4), Buffer.alloc(count * 4, Buffer.from([1, 0x79, 0, 7]))]);
}

/** The body of `v` with variants inside each other, this deep. */
export function nested(depth: number): Buffer {
  return Buffer.concat([Buffer.from('\x01v\0'.repeat(depth)), Buffer.from([1, 0x79, 0, 7])]);
}
