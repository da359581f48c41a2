// What is wrong with the pools, gateways and reservations of a configuration, in sentences.

import {
  type Cidr,
  contains,
  ipFrom,
  isHostRoute,
  isUnicast,
  parseCidr,
  parseIp,
  subnetRange,
} from '../../core/lib/cidr.ts';
import { quoted } from '../../core/lib/quoted.ts';
import { hasHostBits, overlaps, parseRange } from './pools.ts';

export interface SettingProblem {
  /** Within `[netmaker]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Link-local: no router forwards these (RFC 3927 2.7, RFC 4291 2.5.6). */
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'].flatMap((text) => parseCidr(text) ?? []);

/** Its network, gateway and broadcast address; every address of the pools has its place beside these. */
const INSIDE_UNUSABLE = 3n;

/** What is wrong with one pool, or undefined. */
export function poolProblem(text: string): string | undefined {
  const subnet = parseCidr(text);
  if (subnet === undefined) {
    return `must be NETWORK/PREFIX such as 203.0.113.0/24 or 2001:db8::/64, not ${quoted(text, 60)}`;
  }
  const { first, last } = subnetRange(subnet);
  const network = ipFrom(subnet.address.family, first);
  if (hasHostBits(subnet)) {
    return `must be a network: ${quoted(text, 60)} is an address in ${network.text}/${subnet.prefix}`;
  }
  if (!isUnicast(network) || !isUnicast(ipFrom(network.family, last))) {
    return `must have unicast addresses only: ${quoted(text, 60)}`;
  }
  if (LINK_LOCAL.some((range) => overlaps(range, subnet))) {
    return `must not be link-local, no router forwards that: ${quoted(text, 60)}`;
  }
  return undefined;
}

/** What is wrong with the network of the addresses that containers have behind `nat1to1`, or undefined. */
export function insideProblem(text: string): string | undefined {
  const problem = poolProblem(text);
  if (problem !== undefined) return problem;
  const subnet = parseCidr(text);
  if (subnet?.address.family !== 4) return `must be an IPv4 network, not ${quoted(text, 60)}`;
  if (subnet.prefix > 29)
    return `must have room for containers, a prefix length of 29 at most: ${quoted(text, 60)}`;
  return undefined;
}

/** Pools are canonical; `inside` where it counts. */
export function overlapProblems(pools: readonly string[], inside: string | undefined): SettingProblem[] {
  const subnets = pools.flatMap((text) => parseCidr(text) ?? []);
  const clashes = subnets.flatMap((subnet, i) => {
    const other = subnets.slice(0, i).find((earlier) => overlaps(earlier, subnet));
    return other === undefined ? [] : [{ path: ['pools', i], message: `overlaps with ${other.text}` }];
  });
  const insideSubnet = inside === undefined ? undefined : parseCidr(inside);
  if (insideSubnet === undefined) return clashes;
  const pool = subnets.find((subnet) => overlaps(subnet, insideSubnet));
  if (pool !== undefined) {
    return [...clashes, { path: ['inside'], message: `overlaps with the pool ${pool.text}` }];
  }
  const room = size(insideSubnet) - INSIDE_UNUSABLE;
  const needed = subnets
    .filter((subnet) => subnet.address.family === 4)
    .reduce((sum, subnet) => sum + size(subnet), 0n);
  if (needed <= room) return clashes;
  const message = `${insideSubnet.text} has room for ${room} addresses, the IPv4 pools have ${needed}`;
  return [...clashes, { path: ['inside'], message }];
}

/** One gateway at most in a pool, and one of each family outside of all, for the pools that have none. */
export function gatewayProblems(pools: readonly string[], gateways: readonly string[]): SettingProblem[] {
  const subnets = pools.flatMap((text) => parseCidr(text) ?? []);
  const served = new Map<string, string>();
  return gateways.flatMap((text, i) => {
    const gateway = parseIp(text);
    if (gateway === undefined) return [];
    const pool = subnets.find((subnet) => contains(subnet, gateway));
    const place = pool?.text ?? `every IPv${gateway.family} pool without one`;
    const earlier = served.get(place);
    served.set(place, text);
    const problem =
      earlier === undefined ? misplaced(gateway.value, pool) : `${place} has the gateway ${earlier} already`;
    if (problem !== undefined) return [{ path: ['gateways', i], message: problem }];
    const isOfUse =
      pool !== undefined || subnets.some((subnet) => isServedFromOutside(subnet, gateway.family, gateways));
    return isOfUse ? [] : [{ path: ['gateways', i], message: `${text} is the gateway of no pool` }];
  });
}

/** What is wrong with a reservation, or undefined; with `pools` also whether it reserves anything. */
export function reservedProblem(text: string, pools?: readonly string[]): string | undefined {
  const range = parseRange(text);
  if (range === undefined) {
    return `must be ADDRESS, FIRST-LAST or NETWORK/PREFIX without host bits, such as "203.0.113.20-203.0.113.29", not ${quoted(text, 60)}`;
  }
  const isOfUse = pools?.some((pool) => {
    const subnet = parseCidr(pool);
    if (subnet === undefined || subnet.address.family !== range.family) return false;
    const { first, last } = subnetRange(subnet);
    return range.first <= last && first <= range.last;
  });
  return isOfUse === false ? `${text} is in none of the pools` : undefined;
}

function misplaced(gateway: bigint, pool: Cidr | undefined): string | undefined {
  if (pool === undefined) return undefined;
  if (isHostRoute(pool)) return `must not be the only address of ${pool.text}`;
  const { first, last } = subnetRange(pool);
  if (last - first === 1n) return undefined;
  if (gateway === first) return `must be a host address, not that of the network ${pool.text}`;
  if (gateway === last && pool.address.family === 4) {
    return `must be a host address, not the broadcast address of ${pool.text}`;
  }
  return undefined;
}

function size(subnet: Cidr): bigint {
  const { first, last } = subnetRange(subnet);
  return last - first + 1n;
}

function isServedFromOutside(subnet: Cidr, family: 4 | 6, gateways: readonly string[]): boolean {
  if (subnet.address.family !== family) return false;
  return !gateways.some((text) => {
    const address = parseIp(text);
    return address !== undefined && contains(subnet, address);
  });
}
