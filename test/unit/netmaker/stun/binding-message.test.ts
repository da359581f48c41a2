import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../../../src/core/lib/cidr.ts';
import {
  decodeAddress,
  decodeXorAddress,
  encodeAddress,
  encodeXorAddress,
} from '../../../../src/netmaker/stun/address-attribute.ts';
import {
  bindingReply,
  bindingRequest,
  readBindingAnswer,
} from '../../../../src/netmaker/stun/binding-message.ts';
import {
  ATTRIBUTE,
  decodeMessage,
  encodeMessage,
  type StunAttribute,
} from '../../../../src/netmaker/stun/message.ts';
import { SAMPLE_IPV4_RESPONSE, SAMPLE_IPV6_RESPONSE, SAMPLE_REQUEST } from './rfc5769.ts';

const TRANSACTION = Uint8Array.from({ length: 12 }, (_, at) => at);
const REQUEST = bindingRequest(TRANSACTION);
const CLIENT = { address: '203.0.113.7', port: 51821 };
const endpoint = fc.record({
  address: fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseIp(text)?.text ?? text),
  port: fc.nat(0xffff),
});
const id16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

const response = (attributes: StunAttribute[], stunClass: 'success' | 'error' = 'success', id = REQUEST.id) =>
  encodeMessage({ class: stunClass, method: 1, id, attributes });
const answerTo = (attributes: StunAttribute[], stunClass?: 'success' | 'error') =>
  readBindingAnswer(response(attributes, stunClass), REQUEST.id);
const request = (attributes: StunAttribute[], id = REQUEST.id) =>
  encodeMessage({ class: 'request', method: 1, id, attributes });
const mapped = (type: number, address: string) => ({
  type,
  value:
    type === ATTRIBUTE.mappedAddress
      ? encodeAddress({ address, port: 1 })
      : encodeXorAddress({ address, port: 1 }, REQUEST.id),
});

describe('an address attribute', () => {
  it('reads as what was written, plain and obscured', () => {
    fc.assert(
      fc.property(endpoint, id16, (written, id) => {
        expect(decodeAddress(encodeAddress(written))).toEqual(written);
        expect(decodeXorAddress(encodeXorAddress(written, id), id)).toEqual(written);
      }),
    );
  });

  it.each([
    [[]],
    [[0, 1, 0, 1, 1, 2, 3]],
    [[0, 1, 0, 1, 1, 2, 3, 4, 5]],
    [[0, 3, 0, 1, 1, 2, 3, 4]],
    [[0, 2, 0, 1, 1, 2, 3, 4]],
  ])('that is none is not taken for one: %j', (bytes) => {
    expect(decodeAddress(Uint8Array.from(bytes))).toBeUndefined();
  });
});

describe('a binding response', () => {
  it.each([
    ['IPv4', SAMPLE_IPV4_RESPONSE, '192.0.2.1'],
    ['IPv6', SAMPLE_IPV6_RESPONSE, '2001:db8:1234:5678:11:2233:4455:6677'],
  ])('of RFC 5769 gives its %s address', (_family, bytes, address) => {
    expect(readBindingAnswer(bytes, bytes.slice(4, 20))).toEqual({
      kind: 'mapped',
      endpoint: { address, port: 32853 },
    });
  });

  it('to another request is no answer', () => {
    fc.assert(
      fc.property(id16, (id) => {
        const bytes = response([mapped(ATTRIBUTE.mappedAddress, '192.0.2.1')], 'success', id);
        expect(readBindingAnswer(bytes, REQUEST.id)).toBeUndefined();
      }),
    );
    expect(readBindingAnswer(REQUEST.bytes, REQUEST.id)).toBeUndefined();
  });

  it('of an old server gives the address that is not obscured', () => {
    const { mappedAddress, sourceAddress, changedAddress } = ATTRIBUTE;
    const old = [mapped(mappedAddress, '192.0.2.9')].concat(
      [sourceAddress, changedAddress].map((type) => ({
        type,
        value: mapped(mappedAddress, '192.0.2.1').value,
      })),
    );
    expect(answerTo(old)).toMatchObject({ endpoint: { address: '192.0.2.9' } });
    expect(answerTo([mapped(ATTRIBUTE.oldXorMappedAddress, '192.0.2.8')])).toMatchObject({
      endpoint: { address: '192.0.2.8' },
    });
  });

  it('is believed in what a NAT on the way could not rewrite', () => {
    const both = [
      mapped(ATTRIBUTE.mappedAddress, '10.0.0.1'),
      mapped(ATTRIBUTE.xorMappedAddress, '192.0.2.1'),
    ];
    expect(answerTo(both)).toMatchObject({ endpoint: { address: '192.0.2.1' } });
  });

  it('that must be understood and is not is of no use', () => {
    const strange = { type: 0x0030, value: new Uint8Array(4) };
    expect(answerTo([mapped(ATTRIBUTE.xorMappedAddress, '192.0.2.1'), strange])).toEqual({
      kind: 'unusable',
      reason: 'has the unknown attribute 0x0030',
    });
    const optional = { type: 0x8030, value: new Uint8Array(4) };
    expect(answerTo([mapped(ATTRIBUTE.xorMappedAddress, '192.0.2.1'), optional])?.kind).toBe('mapped');
    expect(answerTo([])).toEqual({ kind: 'unusable', reason: 'has no mapped address' });
  });

  it('that is an error says which', () => {
    const value = Uint8Array.of(0, 0, 4, 1, ...new TextEncoder().encode('Unauthorized'));
    expect(answerTo([{ type: ATTRIBUTE.errorCode, value }], 'error')).toEqual({
      kind: 'error',
      code: 401,
      reason: 'Unauthorized',
    });
    expect(answerTo([{ type: ATTRIBUTE.errorCode, value: Uint8Array.of(0, 0, 7, 200) }], 'error')?.kind).toBe(
      'unusable',
    );
    expect(answerTo([], 'error')?.kind).toBe('unusable');
  });
});

describe('the responder', () => {
  it('tells each caller where it comes from', () => {
    fc.assert(
      fc.property(endpoint, (source) => {
        const reply = bindingReply(REQUEST.bytes, source);
        expect(reply && readBindingAnswer(reply, REQUEST.id)).toEqual({ kind: 'mapped', endpoint: source });
      }),
    );
  });

  it('answers a client of RFC 3489 in the way that it knows', () => {
    const id = new Uint8Array(16).fill(7);
    const unchanged = { type: ATTRIBUTE.changeRequest, value: new Uint8Array(4) };
    const reply = bindingReply(request([unchanged], id), CLIENT);
    const attributes = reply && decodeMessage(reply)?.attributes;
    expect(attributes).toEqual([{ type: ATTRIBUTE.mappedAddress, value: encodeAddress(CLIENT) }]);
  });

  it('answers no request that wants the answer from elsewhere or sent elsewhere', () => {
    const change = { type: ATTRIBUTE.changeRequest, value: Uint8Array.of(0, 0, 0, 4) };
    const victim = {
      type: ATTRIBUTE.responseAddress,
      value: encodeAddress({ address: '192.0.2.66', port: 53 }),
    };
    expect(bindingReply(request([change]), CLIENT)).toBeUndefined();
    expect(bindingReply(request([victim]), CLIENT)).toBeUndefined();
  });

  it('answers no answer, so that two of them never talk to each other', () => {
    const reply = bindingReply(REQUEST.bytes, CLIENT) ?? new Uint8Array();
    expect(reply.length).toBe(32);
    expect(bindingReply(reply, CLIENT)).toBeUndefined();
    const indication = encodeMessage({ class: 'indication', method: 1, id: REQUEST.id, attributes: [] });
    expect(bindingReply(indication, CLIENT)).toBeUndefined();
  });

  it('names what it does not understand: RFC 5769’s request has PRIORITY', () => {
    const reply = bindingReply(SAMPLE_REQUEST, CLIENT) ?? new Uint8Array();
    const read = decodeMessage(reply);
    expect(read?.class).toBe('error');
    expect(read?.attributes).toEqual([
      { type: ATTRIBUTE.errorCode, value: Uint8Array.of(0, 0, 4, 20) },
      { type: ATTRIBUTE.unknownAttributes, value: Uint8Array.of(0, 0x24) },
    ]);
  });

  it('never answers with more than 24 bytes above what it was asked with', () => {
    const attributes = fc.array(fc.record({ type: fc.nat(0xffff), value: fc.uint8Array({ maxLength: 8 }) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(attributes, id16, endpoint, (list, id, source) => {
        const asked = request(
          list.filter(({ type }) => type !== ATTRIBUTE.fingerprint),
          id,
        );
        expect(bindingReply(asked, source)?.length ?? 0).toBeLessThanOrEqual(asked.length + 24);
      }),
    );
  });
});
