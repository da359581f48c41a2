// How the pools lie to the host: which device leads out, which pools are a part of its LAN, who puts the gateway where.

import type { DefaultRoute } from '../../core/kernel/routes.ts';
import { type Cidr, contains, parseCidr, parseIp } from '../../core/lib/cidr.ts';
import type { PublishedAddress } from '../../core/plan/port-security.ts';
import { overlaps } from '../address/pools.ts';
import type { Pool } from '../types.ts';
import type { GatewaySpec } from './spec.ts';

export interface HostLink {
  index: number;
  up: boolean;
  /** Port of a bridge or of a switch: it has no traffic of its own. */
  enslaved: boolean;
  /** `ADDRESS/PREFIX`, canonical. */
  addresses: readonly string[];
}

export type HostLinks = ReadonlyMap<string, HostLink>;

const bits = (family: 4 | 6) => (family === 4 ? 32 : 128);

/** `ADDRESS/32` or `ADDRESS/128`. */
export const hostRoute = (address: string) => `${address}/${address.includes(':') ? 128 : 32}`;

/** The address that a container really has. */
export const ownAddress = ({ address, inside }: PublishedAddress) => inside ?? address;

export const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** The device that leads out for a family, undefined where none does. Never the bridge of the containers itself. */
export function uplinkFor(
  family: 4 | 6,
  { uplink, bridge }: Pick<GatewaySpec, 'uplink' | 'bridge'>,
  defaults: readonly DefaultRoute[],
): string | undefined {
  if (uplink !== 'auto') return uplink === bridge ? undefined : uplink;
  const inet = family === 4 ? 'inet' : 'inet6';
  return defaults.find((route) => route.family === inet && route.device !== bridge)?.device;
}

/**
 * How the gateway of a pool gets to the bridge:
 * `subnet` as ADDRESS/PREFIX of the pool, which routes the pool there;
 * `outside` as a single address, with a route per container: the gateway is none of the pool's addresses;
 * `lan` not at all, with a route per container: the host's LAN has the pool's subnet, whose route must stay where it is,
 * and the gateway may be the LAN's own router. The host answers in its place (proxy ARP).
 */
export type GatewayLayout = 'subnet' | 'outside' | 'lan';

export function layoutOf(pool: Pool, bridge: string, links: HostLinks): GatewayLayout {
  const subnet = cidrOf(pool.subnet);
  const gateway = parseIp(pool.gateway);
  if (gateway === undefined || !contains(subnet, gateway)) return 'outside';
  const onLan = [...links].some(
    ([name, { addresses }]) =>
      name !== bridge &&
      addresses
        .map(cidrOf)
        .some((own) => own.prefix < bits(own.address.family) && contains(subnet, own.address)),
  );
  return onLan ? 'lan' : 'subnet';
}

/** Whether the neighbours at the uplink take the pool for a part of their own subnet, so that they ask for its addresses. */
export function isOnLink(
  pool: Pool,
  spec: Pick<GatewaySpec, 'onLink'>,
  uplink: HostLink | undefined,
): boolean {
  if (uplink === undefined || spec.onLink === false) return false;
  if (spec.onLink === true) return true;
  const subnet = cidrOf(pool.subnet);
  return uplink.addresses
    .map(cidrOf)
    .some((own) => own.prefix <= subnet.prefix && contains(own, subnet.address));
}

/**
 * Whether others than the containers may have addresses of the pool: neighbours of the host, at a device whose subnet
 * the pool has a part in.
 */
export function hasOthers(
  pool: Pool,
  { bridge, onLink }: Pick<GatewaySpec, 'bridge' | 'onLink'>,
  links: HostLinks,
): boolean {
  const subnet = cidrOf(pool.subnet);
  const isNeighbour = (own: Cidr) => own.prefix < bits(own.address.family) && overlaps(own, subnet);
  return (
    onLink === true ||
    [...links].some(([name, { addresses }]) => name !== bridge && addresses.map(cidrOf).some(isNeighbour))
  );
}

/** The published addresses of one pool: `own` by what containers have, else by what is published. */
export function addressesIn(
  pool: Pool,
  published: readonly PublishedAddress[],
  which: 'own' | 'public',
): string[] {
  const subnet = cidrOf(pool.subnet);
  return published
    .map((one) => (which === 'own' ? ownAddress(one) : one.address))
    .filter((text) => {
      const address = parseIp(text);
      return address !== undefined && contains(subnet, address);
    });
}

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new TypeError(`not a subnet: ${text}`);
  return cidr;
}
