import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../../src/netmaker/stun/crc32.ts';
import {
  ATTRIBUTE,
  decodeMessage,
  encodeMessage,
  hasCookie,
  type StunMessage,
} from '../../../../src/netmaker/stun/message.ts';
import {
  SAMPLE_IPV4_RESPONSE,
  SAMPLE_IPV6_RESPONSE,
  SAMPLE_LONG_TERM_REQUEST,
  SAMPLE_REQUEST,
} from './rfc5769.ts';

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Of any type but those that change how a message is read. */
const attribute = fc.record({
  type: fc
    .integer({ min: 0, max: 0xffff })
    .filter((type) => ![0x0008, 0x001c, ATTRIBUTE.fingerprint as number].includes(type)),
  value: fc.uint8Array({ maxLength: 40 }),
});
const message: fc.Arbitrary<StunMessage> = fc.record({
  class: fc.constantFrom('request', 'indication', 'success', 'error'),
  method: fc.integer({ min: 0, max: 0xfff }),
  id: bytesOf(16),
  attributes: fc.array(attribute, { maxLength: 6 }),
});

describe('a STUN message', () => {
  it('reads as what was written', () => {
    fc.assert(
      fc.property(message, (written) => {
        expect(decodeMessage(encodeMessage(written))).toEqual(written);
      }),
    );
  });

  it('with a fingerprint reads as what was written, and not with any bit of it changed', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(7), (written, at, bit) => {
        const bytes = encodeMessage(written, { fingerprint: true });
        expect(decodeMessage(bytes)?.attributes.slice(0, -1)).toEqual(written.attributes);
        const last = bytes.length - 1 - (at % 4);
        bytes[last] = (bytes[last] ?? 0) ^ (1 << bit);
        expect(decodeMessage(bytes)).toBeUndefined();
      }),
    );
  });

  it('is never cut short or longer than it says', () => {
    fc.assert(
      fc.property(message, fc.integer({ min: -19, max: 19 }), (written, change) => {
        const bytes = encodeMessage(written);
        const other = new Uint8Array(Math.max(0, bytes.length + change));
        other.set(bytes.subarray(0, other.length));
        expect(decodeMessage(other) === undefined).toBe(change !== 0);
      }),
    );
  });

  it('is read without an error from whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
        decodeMessage(noise);
        // The same with a header that holds, so that the attributes are looked at.
        const body = noise.subarray(0, noise.length - (noise.length % 4));
        const header = Uint8Array.of(1, 1, body.length >> 8, body.length & 0xff, ...new Uint8Array(16));
        decodeMessage(Uint8Array.of(...header, ...body));
      }),
    );
  });

  it.each([
    ['an array', SAMPLE_IPV4_RESPONSE.slice()],
    ['a Buffer', Buffer.from(SAMPLE_IPV4_RESPONSE)],
  ])('shares no memory with the datagram, be that %s', (_what, bytes) => {
    const read = decodeMessage(bytes);
    bytes.fill(0);
    expect(read).toEqual(decodeMessage(SAMPLE_IPV4_RESPONSE));
  });

  it('has nothing after its integrity but what RFC 8489 allows there', () => {
    const bytes = encodeMessage({
      class: 'success',
      method: 1,
      id: new Uint8Array(16),
      attributes: [
        { type: ATTRIBUTE.messageIntegrity, value: new Uint8Array(20) },
        { type: ATTRIBUTE.xorMappedAddress, value: new Uint8Array(8) },
      ],
    });
    expect(decodeMessage(bytes)?.attributes.map(({ type }) => type)).toEqual([ATTRIBUTE.messageIntegrity]);
  });
});

describe('the samples of RFC 5769', () => {
  it.each([
    ['2.1', SAMPLE_REQUEST, 'request', [0x8022, 0x0024, 0x8029, 0x0006, 0x0008, 0x8028]],
    ['2.2', SAMPLE_IPV4_RESPONSE, 'success', [0x8022, 0x0020, 0x0008, 0x8028]],
    ['2.3', SAMPLE_IPV6_RESPONSE, 'success', [0x8022, 0x0020, 0x0008, 0x8028]],
    ['2.4', SAMPLE_LONG_TERM_REQUEST, 'request', [0x0006, 0x0015, 0x0014, 0x0008]],
  ] as const)('%s is understood', (_section, bytes, stunClass, types) => {
    const read = decodeMessage(bytes);
    expect(read?.class).toBe(stunClass);
    expect(read?.method).toBe(1);
    expect(read?.attributes.map(({ type }) => type)).toEqual(types);
    expect(read && hasCookie(read)).toBe(true);
  });

  it('are carried over without a mistake: their own HMAC holds', () => {
    const at = SAMPLE_IPV6_RESPONSE.length - 32;
    const signed = Buffer.from(SAMPLE_IPV6_RESPONSE.subarray(0, at));
    signed.writeUInt16BE(at + 4, 2); // RFC 8489 14.5: as if the integrity attribute were the last.
    const hmac = createHmac('sha1', 'VOkJxbRl1RmTxUk/WvJxBt').update(signed).digest();
    expect(hmac.equals(SAMPLE_IPV6_RESPONSE.subarray(at + 4, at + 24))).toBe(true);
  });
});

it('CRC-32 of the check string is the known one', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});
