// The stream of the bus is cut right however it arrives, and no byte of it can do more than end the connection.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameReader, type Header } from '../../../../src/core/bus/frames.ts';
import { rawMessage } from '../../../integration/core/bus/raw-message.ts';

const name = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes('\0'));
const message = fc.record({
  type: fc.integer({ min: 1, max: 6 }),
  flags: fc.integer({ min: 0, max: 7 }),
  serial: fc.integer({ min: 1, max: 0xffff_ffff }),
  bigEndian: fc.boolean(),
  fields: fc.record(
    {
      1: name,
      2: name,
      3: name,
      4: name,
      5: fc.integer({ min: 0, max: 0xffff_ffff }),
      6: name,
      7: name,
      8: name,
    },
    { requiredKeys: [] },
  ),
  body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });

function feed(bytes: Buffer, sizesOfChunks: readonly number[], wants: (header: Header) => boolean) {
  const seen: { header: Header; body: Buffer | undefined }[] = [];
  const read = frameReader({
    wants,
    onMessage: (header, body) => void seen.push({ header, body: body && Buffer.from(body) }),
  });
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizesOfChunks[turn % sizesOfChunks.length] ?? 1;
    read(bytes.subarray(at, at + size));
    at += size;
  }
  return seen;
}

describe('the stream of the bus', () => {
  it('gives each message its header, and a body where it is wanted, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), sizes, (messages, chunks) => {
        const stream = Buffer.concat(messages.map(rawMessage));
        const isEven = ({ serial }: { serial: number }) => serial % 2 === 0;
        const seen = feed(stream, chunks, isEven);
        expect(seen.map(({ header }) => header)).toEqual(
          messages.map(({ type, flags, serial, bigEndian, fields, body }) => ({
            type,
            flags,
            serial,
            littleEndian: !bigEndian,
            bodyLength: body.length,
            ...(fields[1] !== undefined && { path: fields[1] }),
            ...(fields[2] !== undefined && { interface: fields[2] }),
            ...(fields[3] !== undefined && { member: fields[3] }),
            ...(fields[4] !== undefined && { errorName: fields[4] }),
            ...(fields[5] !== undefined && { replySerial: fields[5] }),
            ...(fields[7] !== undefined && { sender: fields[7] }),
            signature: fields[8] ?? '',
          })),
        );
        expect(seen.map(({ body }) => body)).toEqual(
          messages.map((one) => (isEven(one) && one.body.length > 0 ? one.body : undefined)),
        );
      }),
    );
  });

  it('may be anything: it is read, or said to be no D-Bus', () => {
    const broken = fc
      .tuple(
        fc.array(message, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
      )
      .map(([messages, changes]) => {
        const bytes = Buffer.concat(messages.map(rawMessage));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(
        fc.oneof(
          broken,
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        sizes,
        (bytes, chunks) => {
          try {
            feed(bytes, chunks, () => true);
          } catch (error) {
            expect(String(error)).toBe('Error: what comes over the bus is no D-Bus message');
          }
        },
      ),
    );
  });

  it('keeps nothing of a body that is not wanted, and nothing of a header that is too long', () => {
    let longest = 0;
    const read = frameReader({
      wants: () => false,
      onMessage: ({ path = '' }) => {
        longest = Math.max(longest, path.length);
      },
    });
    const big = rawMessage({ fields: { 1: '/x', 3: 'Ping' }, bodyLength: 100 * 1024 * 1024 });
    const before = process.memoryUsage();
    read(big);
    const chunk = Buffer.alloc(64 * 1024);
    for (let sent = 0; sent < 100 * 1024 * 1024; sent += chunk.length) read(chunk);
    const { external, arrayBuffers } = process.memoryUsage();
    expect(external + arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
    read(rawMessage({ fields: { 1: `/${'x'.repeat(70_000)}`, 3: 'Ping' } }));
    expect(longest).toBe(2);
    read(rawMessage({ fields: { 1: '/still-in-step', 3: 'Ping' } }));
    expect(longest).toBe(14);
  });
});
