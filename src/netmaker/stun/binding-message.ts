// What a Binding request asks and what its response says (RFC 8489 6.3, 11; RFC 3489 for old peers); pure.

import {
  decodeAddress,
  decodeXorAddress,
  type Endpoint,
  encodeAddress,
  encodeXorAddress,
} from './address-attribute.ts';
import {
  ATTRIBUTE,
  BINDING,
  decodeMessage,
  encodeMessage,
  hasCookie,
  MAGIC_COOKIE,
  type StunMessage,
} from './message.ts';

export type BindingAnswer =
  | { kind: 'mapped'; endpoint: Endpoint }
  | { kind: 'error'; code: number; reason: string }
  | { kind: 'unusable'; reason: string };

/** Below this a receiver must understand an attribute or give up: RFC 8489 14. */
const OPTIONAL_FROM = 0x8000;
/** Understood, and nothing to heed in what neither side signs: addresses of RFC 3489, and authentication. */
const UNDERSTOOD: readonly number[] = [
  ATTRIBUTE.mappedAddress,
  ATTRIBUTE.changeRequest,
  ATTRIBUTE.sourceAddress,
  ATTRIBUTE.changedAddress,
  0x0006, // USERNAME
  ATTRIBUTE.messageIntegrity,
  ATTRIBUTE.errorCode,
  ATTRIBUTE.unknownAttributes,
  0x000b, // REFLECTED-FROM
  0x0014, // REALM
  0x0015, // NONCE
  ATTRIBUTE.messageIntegritySha256,
  0x001d, // PASSWORD-ALGORITHM
  0x001e, // USERHASH
  ATTRIBUTE.xorMappedAddress,
];

/** A request of twelve random bytes; with the cookie, which an RFC 3489 server takes for a part of them. */
export function bindingRequest(transaction: Uint8Array): { id: Uint8Array; bytes: Uint8Array } {
  const id = Uint8Array.of(...MAGIC_COOKIE, ...transaction);
  return { id, bytes: encodeMessage({ class: 'request', method: BINDING, id, attributes: [] }) };
}

/** What a datagram says to the request of this id; undefined when it is not an answer to it. */
export function readBindingAnswer(bytes: Uint8Array, id: Uint8Array): BindingAnswer | undefined {
  const message = decodeMessage(bytes);
  if (message === undefined || message.method !== BINDING) return undefined;
  if (!message.id.every((byte, at) => byte === id[at])) return undefined;
  if (message.class === 'error') return readError(message);
  if (message.class !== 'success') return undefined;
  const [strange] = strangeTypes(message);
  // RFC 8489 6.3.3: a response with an attribute that must be understood and is not is a failure.
  if (strange !== undefined)
    return { kind: 'unusable', reason: `has the unknown attribute 0x${hex(strange)}` };
  const endpoint = mappedEndpoint(message);
  return endpoint === undefined
    ? { kind: 'unusable', reason: 'has no mapped address' }
    : { kind: 'mapped', endpoint };
}

/** XOR-MAPPED-ADDRESS first: what NATs rewrite inside of packets is MAPPED-ADDRESS. RFC 8489 14.2. */
function mappedEndpoint(message: StunMessage): Endpoint | undefined {
  const { xorMappedAddress, oldXorMappedAddress, mappedAddress } = ATTRIBUTE;
  for (const wanted of [xorMappedAddress, oldXorMappedAddress, mappedAddress]) {
    const value = message.attributes.find(({ type }) => type === wanted)?.value;
    if (value === undefined) continue;
    return wanted === mappedAddress ? decodeAddress(value) : decodeXorAddress(value, message.id);
  }
  return undefined;
}

/** RFC 8489 14.8: hundreds and the rest, then UTF-8. */
function readError({ attributes }: StunMessage): BindingAnswer {
  const value = attributes.find(({ type }) => type === ATTRIBUTE.errorCode)?.value;
  const [, , hundreds = 0, rest = 0] = value ?? [];
  const code = (hundreds & 7) * 100 + rest;
  if (value === undefined || value.length < 4 || code < 300 || code > 699 || rest > 99) {
    return { kind: 'unusable', reason: 'is an error without a code' };
  }
  return { kind: 'error', code, reason: new TextDecoder().decode(value.subarray(4, 4 + 763)) };
}

/**
 * What a responder with one address answers to a datagram from `source`, or undefined for silence: to everything that
 * is no request, so that no two responders answer each other, and to a request for an answer from elsewhere or to
 * elsewhere (RFC 3489 CHANGE-REQUEST and RESPONSE-ADDRESS), which a reflector could be made of.
 *
 * Attributes beside the address are left out: 32 bytes (IPv6: 44) for a request of 20 is what the RFC asks for at least.
 */
export function bindingReply(bytes: Uint8Array, source: Endpoint): Uint8Array | undefined {
  const request = decodeMessage(bytes);
  if (request?.class !== 'request' || request.method !== BINDING || goesElsewhere(request)) return undefined;
  const { id } = request;
  const strange = strangeTypes(request);
  if (strange.length > 0) return unknownReply(id, strange);
  // RFC 8489 11: a client of RFC 3489 knows MAPPED-ADDRESS only.
  const attribute = hasCookie(request)
    ? { type: ATTRIBUTE.xorMappedAddress, value: encodeXorAddress(source, id) }
    : { type: ATTRIBUTE.mappedAddress, value: encodeAddress(source) };
  return encodeMessage({ class: 'success', method: BINDING, id, attributes: [attribute] });
}

function goesElsewhere({ attributes }: StunMessage): boolean {
  return attributes.some(
    ({ type, value }) =>
      type === ATTRIBUTE.responseAddress ||
      // Clients of RFC 3489 send it with all bits zero as well: no change.
      (type === ATTRIBUTE.changeRequest && value.some((byte) => byte !== 0)),
  );
}

/** RFC 8489 6.3.1: 420 with the list; the reason phrase is left out, and two bytes answer at least four. */
function unknownReply(id: Uint8Array, types: readonly number[]): Uint8Array {
  const attributes = [
    { type: ATTRIBUTE.errorCode, value: Uint8Array.of(0, 0, 4, 20) },
    {
      type: ATTRIBUTE.unknownAttributes,
      value: Uint8Array.from(types.flatMap((type) => [type >> 8, type & 0xff])),
    },
  ];
  return encodeMessage({ class: 'error', method: BINDING, id, attributes });
}

function strangeTypes({ attributes }: StunMessage): number[] {
  const types = new Set(attributes.map(({ type }) => type));
  return [...types].filter((type) => type < OPTIONAL_FROM && !UNDERSTOOD.includes(type));
}

function hex(type: number): string {
  return type.toString(16).padStart(4, '0');
}
