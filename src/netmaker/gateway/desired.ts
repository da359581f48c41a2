// Which pieces the wish needs on this host, in the order in which they are made.

import type { Pool } from '../types.ts';
import { exceptionsFor } from './docker-user.ts';
import { type Entry, type EntryOf, keyOf, type Piece } from './host-resources.ts';
import type { Observed } from './observed.ts';
import { rulesetCommands } from './ruleset.ts';
import type { GatewayWish } from './spec.ts';
import { addressesIn, hostRoute, isOnLink, layoutOf, uplinkFor } from './uplink.ts';

const sysctl = (path: string, value: string): Piece => ({ kind: 'sysctl', path, value });

// include/uapi/linux/rtnetlink.h; the kernel looks at these for every host, or never by a rule of an administrator.
const [RT_TABLE_DEFAULT, RT_TABLE_MAIN, RT_TABLE_LOCAL] = [253, 254, 255];

/** Empty for a wish that needs no host: nothing published, or `l2`. `held` are the pieces that we made before. */
export function wantedPieces(wish: GatewayWish, observed: Observed, held: readonly Entry[]): Piece[] {
  if (wish.mode === 'l2' || wish.published.length === 0) return [];
  const behind = wish.pools.filter((pool) => addressesIn(pool, wish.published, 'own').length > 0);
  const families = ([4, 6] as const).filter((family) => behind.some((pool) => pool.family === family));
  const pieces = [
    // First, so that nothing is reachable for a moment that shall not be.
    { kind: 'table', commands: rulesetCommands(wish, observed) } as const,
    ...families.flatMap((family) => exceptions(family, behind, wish, observed)),
    ...families.flatMap((family) => (family === 4 ? forwarding4 : forwarding6)(wish, observed, held)),
    { kind: 'up', device: wish.bridge } as const,
    ...(families.includes(6) ? linkLocal(wish, observed) : []),
    ...behind.flatMap((pool) => onBridge(pool, wish, observed)),
    ...wish.pools.flatMap((pool) => atUplink(pool, wish, observed)),
  ];
  return [...new Map(pieces.map((piece) => [keyOf(piece), piece])).values()];
}

/** An accept of ours cannot overrule a drop in another chain of the same hook; only a rule in that chain can. */
function exceptions(family: 4 | 6, pools: readonly Pool[], wish: GatewayWish, observed: Observed): Piece[] {
  if (!observed.dockerUser[family]) return [];
  return pools
    .filter((pool) => pool.family === family)
    .flatMap(({ subnet }) =>
      exceptionsFor(family, subnet, wish.bridge, uplinkFor(family, wish, observed.defaults)),
    );
}

/** The kernel forwards IPv4 by the setting of the device that a packet comes in by (inet_forward_change's per-device value). */
function forwarding4(wish: GatewayWish, observed: Observed, held: readonly Entry[]): Piece[] {
  const conf = 'net/ipv4/conf';
  const all = observed.sysctls.get(`${conf}/all/rp_filter`);
  return [wish.bridge, uplinkFor(4, wish, observed.defaults)]
    .filter((device) => device !== undefined)
    .flatMap((device) => {
      const filter = `${conf}/${device}/rp_filter`;
      // Documentation/networking/ip-sysctl: the larger of `all` and the device counts; 1 is strict, 2 loose.
      const strict = Math.max(Number(all), Number(originalValue(filter, observed, held))) === 1;
      return [sysctl(`${conf}/${device}/forwarding`, '1'), ...(strict ? [sysctl(filter, '2')] : [])];
    });
}

/**
 * IPv6 has one switch for the whole host, and a host that forwards ignores router advertisements unless told
 * otherwise: a device that used them is told so before (addrconf.c, ipv6_accept_ra).
 */
function forwarding6(wish: GatewayWish, observed: Observed, held: readonly Entry[]): Piece[] {
  const conf = 'net/ipv6/conf';
  const before = held.find((entry): entry is EntryOf<'forwarding6'> => entry.kind === 'forwarding6')?.was;
  const listeners = [...observed.links]
    .filter(([device, { enslaved }]) => {
      const forwarding =
        before === undefined ? observed.sysctls.get(`${conf}/${device}/forwarding`) : before[device];
      const path = `${conf}/${device}/accept_ra`;
      const off = observed.sysctls.get(`${conf}/${device}/disable_ipv6`) === '1';
      const listens = forwarding === '0' && originalValue(path, observed, held) === '1';
      return device !== wish.bridge && device !== 'lo' && !enslaved && !off && listens;
    })
    .map(([device]) => sysctl(`${conf}/${device}/accept_ra`, '2'));
  // While the host's own switch is off, it sets those of the devices as well.
  const isOn = observed.sysctls.get(`${conf}/all/forwarding`) === '1';
  const devices = [wish.bridge, uplinkFor(6, wish, observed.defaults)].filter(
    (device) => device !== undefined,
  );
  return [
    sysctl(`${conf}/${wish.bridge}/disable_ipv6`, '0'),
    ...listeners,
    { kind: 'forwarding6' },
    ...(isOn ? devices.map((device) => sysctl(`${conf}/${device}/forwarding`, '1')) : []),
  ];
}

/**
 * The kernel asks for the neighbour of a packet that it forwards under its own link-local address, and without one not at
 * all (ndisc_send_ns). NetworkManager leaves the bridge without.
 */
function linkLocal({ bridge }: GatewayWish, { links }: Observed): Piece[] {
  const cidr = 'fe80::1/64';
  const others = links.get(bridge)?.addresses.filter((address) => isLinkLocal(address) && address !== cidr);
  return others?.length ? [] : [{ kind: 'address', device: bridge, cidr }];
}

const isLinkLocal = (address: string) => /^fe80:/i.test(address);

/** The gateway, and the way to the containers. */
function onBridge(pool: Pool, wish: GatewayWish, observed: Observed): Piece[] {
  const { bridge } = wish;
  const layout = layoutOf(pool, bridge, observed.links);
  const tables = tablesOf(pool.family, wish, observed);
  if (layout === 'subnet') {
    const address: Piece = { kind: 'address', device: bridge, cidr: `${pool.gateway}/${pool.prefix}` };
    // The main table has the pool's route by the address.
    return [address, ...tables.slice(1).map((table): Piece => route(pool.subnet, bridge, table))];
  }
  const routes = addressesIn(pool, wish.published, 'own').flatMap((address) =>
    tables.map((table) => route(hostRoute(address), bridge, table)),
  );
  if (layout === 'outside') {
    // As `linkLocal` writes it: one address is there once, whatever its prefix length.
    const cidr = isLinkLocal(pool.gateway) ? `${pool.gateway}/64` : hostRoute(pool.gateway);
    return [{ kind: 'address', device: bridge, cidr }, ...routes];
  }
  return [...answering(pool, bridge), ...routes];
}

/** The host answers on the bridge for the gateway and, with IPv4, for every address that it has a route to elsewhere. */
function answering(pool: Pool, bridge: string): Piece[] {
  return pool.family === 4
    ? [sysctl(`net/ipv4/conf/${bridge}/proxy_arp`, '1'), sysctl(`net/ipv4/neigh/${bridge}/proxy_delay`, '0')]
    : [
        sysctl(`net/ipv6/conf/${bridge}/proxy_ndp`, '1'),
        sysctl(`net/ipv6/neigh/${bridge}/proxy_delay`, '0'),
        { kind: 'proxy', address: pool.gateway, device: bridge },
      ];
}

/** Where neighbours at the uplink ask for the addresses themselves, the host answers. */
function atUplink(pool: Pool, wish: GatewayWish, observed: Observed): Piece[] {
  const uplink = uplinkFor(pool.family, wish, observed.defaults);
  if (uplink === undefined || !isOnLink(pool, wish, observed.links.get(uplink))) return [];
  const addresses = addressesIn(pool, wish.published, 'public');
  if (addresses.length === 0) return [];
  const { family } = pool;
  return [
    ...(family === 6 ? [sysctl(`net/ipv6/conf/${uplink}/proxy_ndp`, '1')] : []),
    // Else the answer waits for up to 0.8 s, a random time (RFC 4861 7.2.8: for several proxies of one address).
    sysctl(`net/ipv${family}/neigh/${uplink}/proxy_delay`, '0'),
    // The kernel answers only for what it would forward to another device (arp_process, by all policy tables).
    ...(wish.mode === 'nat1to1'
      ? addresses.flatMap((address) =>
          tablesOf(family, wish, observed).map((table) => route(hostRoute(address), wish.bridge, table)),
        )
      : []),
    ...addresses.map((address): Piece => ({ kind: 'proxy', address, device: uplink })),
  ];
}

const route = (to: string, device: string, table: number): Piece => ({ kind: 'route', to, device, table });

/** The main table, then those that policy rules may lead traffic of the uplink or the bridge to (lxd#7152). */
function tablesOf(family: 4 | 6, wish: GatewayWish, observed: Observed): number[] {
  const ours = [undefined, wish.bridge, uplinkFor(family, wish, observed.defaults)];
  const others = observed.policyRules[family]
    .filter(({ oif, iif }) => oif === undefined && ours.includes(iif))
    .map(({ table }) => table)
    .filter((table) => table !== RT_TABLE_DEFAULT && table !== RT_TABLE_MAIN && table !== RT_TABLE_LOCAL);
  return [RT_TABLE_MAIN, ...new Set(others)];
}

/** What a setting was before us. */
function originalValue(path: string, observed: Observed, held: readonly Entry[]): string | undefined {
  const ours = held.find(
    (entry): entry is EntryOf<'sysctl'> => entry.kind === 'sysctl' && entry.path === path,
  );
  return ours?.was ?? observed.sysctls.get(path);
}
