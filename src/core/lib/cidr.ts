// IP addresses with a prefix length: read, compared and said in one canonical way.

import { isIPv4, isIPv6 } from 'node:net';
import { quoted } from './quoted.ts';

export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
  /** Canonical text (RFC 5952 for IPv6). */
  readonly text: string;
}

export interface Cidr {
  readonly address: IpAddress;
  readonly prefix: number;
  /** Canonical `ADDRESS/PREFIX`. */
  readonly text: string;
}

/** An address without zone, prefix or leading zeros; undefined for everything else. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: bigFrom(text.split('.'), 10, 8n), text };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  // The URL parser is what canonicalises IPv6 in Node: lower case, longest zero run as "::", no dotted tail.
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return { family: 6, value: bigFrom([...before, ...zeros, ...after], 16, 16n), text: canonical };
}

/** The address with this value, 0 to 2^32 - 1 or 2^128 - 1. */
export function ipFrom(family: 4 | 6, value: bigint): IpAddress {
  const [parts, width, radix, separator] = family === 4 ? [4, 8n, 10, '.'] : [8, 16n, 16, ':'];
  const part = (i: number) => (value >> (BigInt(parts - 1 - i) * width)) & ((1n << width) - 1n);
  const text = Array.from({ length: parts }, (_, i) => part(i).toString(radix)).join(separator);
  return parseIp(text) ?? { family, value, text };
}

/** `ADDRESS/PREFIX`; undefined when it is not one. The address may be any in the subnet. */
export function parseCidr(text: string): Cidr | undefined {
  const [, addressText = '', prefixText = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = parseIp(addressText);
  const prefix = Number(prefixText);
  if (address === undefined || prefix > bits(address)) return undefined;
  return { address, prefix, text: `${address.text}/${prefix}` };
}

/** What is wrong with a CIDR as an address of an interface, or undefined. */
export function interfaceCidrProblem(text: string): string | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined)
    return `must be ADDRESS/PREFIX such as 203.0.113.7/24 or 2001:db8::7/64, not ${quoted(text, 60)}`;
  if (cidr.prefix === 0) return `must not have prefix length 0: ${quoted(text, 60)}`;
  const { address } = cidr;
  if (!isUnicast(address)) return `must be a unicast address, not ${quoted(text, 60)}`;
  const hostBits = BigInt(bits(address) - cidr.prefix);
  const host = address.value & ((1n << hostBits) - 1n);
  // RFC 3021: both addresses of a /31 are hosts. RFC 4291 2.6.1: an IPv6 subnet's first address is the routers'.
  if (address.family === 4 && hostBits > 1n) {
    if (host === 0n) return `must be a host address, ${quoted(text, 60)} is the network itself`;
    if (host === (1n << hostBits) - 1n)
      return `must be a host address, ${quoted(text, 60)} is the broadcast address`;
  }
  if (address.family === 6 && hostBits > 1n && host === 0n) {
    return `must be a host address, ${quoted(text, 60)} is the subnet itself`;
  }
  return undefined;
}

export function contains(subnet: Cidr, address: IpAddress): boolean {
  if (subnet.address.family !== address.family) return false;
  const shift = BigInt(bits(address) - subnet.prefix);
  return subnet.address.value >> shift === address.value >> shift;
}

/** First and last address of the subnet, those of the network and of broadcast with them. */
export function subnetRange(subnet: Cidr): { first: bigint; last: bigint } {
  const hosts = 1n << BigInt(bits(subnet.address) - subnet.prefix);
  const first = subnet.address.value - (subnet.address.value % hosts);
  return { first, last: first + hosts - 1n };
}

/** /32 or /128: a single address, whose gateway is reached through a link route. */
export function isHostRoute(cidr: Cidr): boolean {
  return cidr.prefix === bits(cidr.address);
}

/** Neither unspecified, loopback, multicast nor IPv4's reserved class E with its broadcast address. */
export function isUnicast({ family, value }: IpAddress): boolean {
  if (family === 4) {
    const first = value >> 24n;
    return first !== 0n && first !== 127n && first < 224n;
  }
  return value > 1n && value >> 120n !== 0xffn;
}

function bits(address: IpAddress): number {
  return address.family === 4 ? 32 : 128;
}

function bigFrom(parts: readonly string[], radix: number, width: bigint): bigint {
  return parts.reduce((sum, part) => (sum << width) | BigInt(Number.parseInt(part, radix)), 0n);
}
