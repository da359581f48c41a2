// Addresses of pools as numbers: which are hosts, and the lowest that is free.
import { contains, type IpAddress, interfaceCidrProblem, parseCidr, parseIp } from '../../core/lib/cidr.ts';
import type { Pool } from '../types.ts';
import type { AddressRange } from './pools.ts';

export type { AddressRange };

/** First pool that the address lies in. */
export function poolOf(pools: readonly Pool[], address: IpAddress): Pool | undefined {
  return pools.find((pool) => {
    const subnet = parseCidr(pool.subnet);
    return subnet !== undefined && contains(subnet, address);
  });
}

export function inRanges(ranges: readonly AddressRange[], { family, value }: IpAddress): boolean {
  return ranges.some((range) => range.family === family && range.first <= value && value <= range.last);
}

export function isGateway(pools: readonly Pool[], address: IpAddress): boolean {
  return pools.some((pool) => parseIp(pool.gateway)?.text === address.text);
}

/**
 * What keeps a container from having the address with the prefix length of its pool, or undefined. Where containers
 * get /32 or /128 there is no network and no broadcast address.
 */
export function hostProblem(address: IpAddress, pool: Pool): string | undefined {
  return interfaceCidrProblem(`${address.text}/${pool.prefix}`);
}

/**
 * The addresses that are handed out unasked. Network and broadcast address are left out also where containers get
 * /32: the pool may be the whole subnet of the uplink, whose router drops both.
 */
export function hostsOf(pool: Pool): AddressRange {
  const subnet = parseCidr(pool.subnet);
  if (subnet === undefined) throw new TypeError(`not a subnet: ${pool.subnet}`);
  const width = BigInt((pool.family === 4 ? 32 : 128) - subnet.prefix);
  const network = (subnet.address.value >> width) << width;
  const end = network + (1n << width) - 1n;
  // RFC 3021 and RFC 6164: subnets of two addresses have hosts only.
  if (width <= 1n) return { family: pool.family, first: network, last: end };
  // RFC 4291 2.6.1: the first address of an IPv6 subnet is the routers'; there is no broadcast.
  return { family: pool.family, first: network + 1n, last: pool.family === 4 ? end - 1n : end };
}

/**
 * Lowest address of `within` that is in none of the ranges and not taken. Each step leaves a range or a taken address
 * behind, so work goes with their number, never with the size of a /64.
 */
export function lowestFree(
  within: AddressRange,
  ranges: readonly AddressRange[],
  isTaken: (address: string) => boolean,
): string | undefined {
  const ahead = ranges
    .filter(({ family }) => family === within.family)
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  let at = 0;
  for (let candidate = within.first; candidate <= within.last; candidate++) {
    for (let range = ahead[at]; range !== undefined && range.first <= candidate; range = ahead[++at]) {
      if (range.last >= candidate) candidate = range.last + 1n;
    }
    const text = addressText(within.family, candidate);
    if (candidate <= within.last && !isTaken(text)) return text;
  }
  return undefined;
}

/** Of canonical text. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** Canonical text, for IPv6 that of RFC 5952: without the URL parser's help, since full pools ask for thousands. */
export function addressText(family: 4 | 6, value: bigint): string {
  if (family === 4) {
    const number = Number(value);
    return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
  }
  const groups = Array.from({ length: 8 }, (_, n) => Number((value >> BigInt(112 - 16 * n)) & 0xffffn));
  let [from, length] = [0, 1];
  for (let start = 0, end = 0; start < 8; start = end + 1) {
    end = start;
    while (groups[end] === 0) end++;
    if (end - start > length) [from, length] = [start, end - start];
  }
  const hex = groups.map((group) => group.toString(16));
  if (length === 1) return hex.join(':');
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`;
}
