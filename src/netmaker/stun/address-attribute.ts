// Addresses inside STUN messages: MAPPED-ADDRESS and XOR-MAPPED-ADDRESS (RFC 8489 14.1, 14.2); pure.

import { parseIp } from '../../core/lib/cidr.ts';

export interface Endpoint {
  /** Canonical text, without zone. */
  address: string;
  port: number;
}

const IPV4 = 0x01;
const IPV6 = 0x02;

/** The value of MAPPED-ADDRESS; undefined when it is none. */
export function decodeAddress(value: Uint8Array): Endpoint | undefined {
  const [, family, portHigh = 0, portLow = 0, ...bytes] = value;
  const port = (portHigh << 8) | portLow;
  if (family === IPV4 && bytes.length === 4) return { address: bytes.join('.'), port };
  if (family !== IPV6 || bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  const address = parseIp(groups.join(':'))?.text;
  return address === undefined ? undefined : { address, port };
}

/** Throws RangeError for what is no address. */
export function encodeAddress({ address, port }: Endpoint): Uint8Array {
  const ip = parseIp(address);
  if (ip === undefined || !(port >= 0 && port <= 0xffff)) throw new RangeError('No address');
  const bytes = new Uint8Array(ip.family === 4 ? 8 : 20);
  bytes.set([0, ip.family === 4 ? IPV4 : IPV6, port >> 8, port & 0xff]);
  for (let at = bytes.length - 1, rest = ip.value; at >= 4; at--, rest >>= 8n)
    bytes[at] = Number(rest & 0xffn);
  return bytes;
}

/** The value of XOR-MAPPED-ADDRESS in a message of this 16-byte id. */
export function decodeXorAddress(value: Uint8Array, id: Uint8Array): Endpoint | undefined {
  return decodeAddress(obscured(value, id));
}

export function encodeXorAddress(endpoint: Endpoint, id: Uint8Array): Uint8Array {
  return obscured(encodeAddress(endpoint), id);
}

/** The port with the cookie's first half, the address with cookie and transaction id: twice is nothing. */
function obscured(value: Uint8Array, id: Uint8Array): Uint8Array {
  return value.map((byte, at) => {
    if (at < 2) return byte;
    return byte ^ (id[at < 4 ? at - 2 : at - 4] ?? 0);
  });
}
