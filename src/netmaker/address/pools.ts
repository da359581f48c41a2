// The pools of addresses for containers: the gateway of each, and which addresses of it nobody gets.
import {
  type Cidr,
  contains,
  type IpAddress,
  ipFrom,
  parseCidr,
  parseIp,
  subnetRange,
} from '../../core/lib/cidr.ts';
import type { Pool } from '../types.ts';

/** The part of `[netmaker]` that pools are made of; without problems, as that of a parsed configuration is. */
export interface PoolSettings {
  /** Canonical `NETWORK/PREFIX`. */
  readonly pools: readonly string[];
  /** Addresses without prefix length. */
  readonly gateways: readonly string[];
  /** `ADDRESS`, `FIRST-LAST` or `NETWORK/PREFIX`. */
  readonly reserved: readonly string[];
}

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** Link-local, so that they are nobody's on the way of a packet; a pool of one or two addresses has none to spare. */
const ON_LINK_GATEWAY = { 4: '169.254.51.1', 6: 'fe80::1' } as const;

/** RFC 5737, RFC 3849 and RFC 9637. */
const DOCUMENTATION = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'];

/**
 * In the order of the configuration. The gateway of a pool is the configured one that lies in it, else the configured one of
 * its family that lies in no pool, else its first host address; 169.254.51.1 or fe80::1 where it has none to spare (/31, /32,
 * /127, /128).
 */
export function poolsOf({ pools, gateways }: Omit<PoolSettings, 'reserved'>): Pool[] {
  const subnets = cidrs(pools);
  const wanted = gateways.flatMap((text) => parseIp(text) ?? []);
  const outside = wanted.filter((gateway) => !subnets.some((subnet) => contains(subnet, gateway)));
  return subnets.map((subnet) => {
    const { family } = subnet.address;
    const gateway =
      wanted.find((address) => contains(subnet, address)) ??
      outside.find((address) => address.family === family) ??
      defaultGateway(subnet);
    const prefix = gateway && contains(subnet, gateway) ? subnet.prefix : WIDTH[family];
    return { family, subnet: subnet.text, gateway: gateway?.text ?? ON_LINK_GATEWAY[family], prefix };
  });
}

/**
 * What no container gets unless its label asks for it: `reserved`, the gateways, each subnet's network and broadcast address
 * (IPv4) and its routers' anycast address (IPv6, RFC 4291 2.6.1). Ranges may overlap and are in no order.
 */
export function reservedRanges(settings: PoolSettings): AddressRange[] {
  const pools = poolsOf(settings);
  return [
    ...settings.reserved.flatMap((text) => parseRange(text) ?? []),
    ...pools.flatMap(({ gateway }) => single(gateway)),
    ...settings.gateways.flatMap((gateway) => single(gateway)),
    ...cidrs(settings.pools).flatMap(unusable),
  ];
}

/** `ADDRESS`, `FIRST-LAST` or `NETWORK/PREFIX`; undefined for everything else, also for a network with host bits. */
export function parseRange(text: string): AddressRange | undefined {
  const subnet = parseCidr(text);
  if (subnet !== undefined) {
    return hasHostBits(subnet) ? undefined : { family: subnet.address.family, ...subnetRange(subnet) };
  }
  const [firstText = '', lastText = firstText, ...more] = text.split('-').map((part) => part.trim());
  const first = parseIp(firstText);
  const last = parseIp(lastText);
  if (first === undefined || last === undefined || more.length > 0) return undefined;
  if (first.family !== last.family || first.value > last.value) return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

/** Whether the address is not that of the network itself. */
export function hasHostBits(cidr: Cidr): boolean {
  return subnetRange(cidr).first !== cidr.address.value;
}

/** Whether two subnets have an address in common. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b.address) || contains(b, a.address);
}

/** Those of the pools that are set aside for documentation, whole or in part: no route from elsewhere leads to them. */
export function documentationPools(pools: readonly string[]): string[] {
  const documentation = cidrs(DOCUMENTATION);
  return cidrs(pools)
    .filter((pool) => documentation.some((range) => overlaps(range, pool)))
    .map(({ text }) => text);
}

/** One sentence about pools that cannot be reached from outside, or undefined. */
export function documentationWarning(pools: readonly string[]): string | undefined {
  const found = documentationPools(pools);
  if (found.length === 0) return undefined;
  const [are, they] = found.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return `${found.join(', ')} ${are} for documentation (RFC 5737, RFC 3849): nothing outside of this host can reach containers in ${they}`;
}

const WIDTH = { 4: 32, 6: 128 } as const;

function defaultGateway(subnet: Cidr): IpAddress | undefined {
  const { family } = subnet.address;
  if (WIDTH[family] - subnet.prefix <= 1) return undefined;
  return ipFrom(family, subnetRange(subnet).first + 1n);
}

/** RFC 3021 and RFC 6164: both addresses of a subnet of two are hosts. */
function unusable(subnet: Cidr): AddressRange[] {
  const { family } = subnet.address;
  if (WIDTH[family] - subnet.prefix <= 1) return [];
  const { first, last } = subnetRange(subnet);
  const network = { family, first, last: first };
  return family === 4 ? [network, { family, first: last, last }] : [network];
}

function single(text: string): AddressRange[] {
  const address = parseIp(text);
  return address === undefined ? [] : [{ family: address.family, first: address.value, last: address.value }];
}

function cidrs(texts: readonly string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}
