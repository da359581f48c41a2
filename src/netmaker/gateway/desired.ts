// Which resources the spec needs on this host, in the order in which they are made.

import type { Pool } from '../types.ts';
import { dockerUserRulesFor } from './docker-user.ts';
import { type Entry, type EntryOf, type HostResource, keyOf } from './host-resources.ts';
import type { Observed } from './observed.ts';
import { rulesetCommands } from './ruleset.ts';
import type { GatewaySpec } from './spec.ts';
import { addressesIn, hostRoute, isOnLink, layoutOf, uplinkFor } from './uplink.ts';

const sysctl = (path: string, value: string): HostResource => ({ kind: 'sysctl', path, value });

// include/uapi/linux/rtnetlink.h; the kernel looks at these for every host, or never by a rule of an administrator.
const [RT_TABLE_DEFAULT, RT_TABLE_MAIN, RT_TABLE_LOCAL] = [253, 254, 255];

/** Empty for a spec that needs no host: nothing published, or `l2`. `held` are the resources that we made before. */
export function desiredResources(
  spec: GatewaySpec,
  observed: Observed,
  held: readonly Entry[],
): HostResource[] {
  if (spec.mode === 'l2' || spec.published.length === 0) return [];
  const behind = spec.pools.filter((pool) => addressesIn(pool, spec.published, 'own').length > 0);
  const families = ([4, 6] as const).filter((family) => behind.some((pool) => pool.family === family));
  const pieces = [
    // First, so that nothing is reachable for a moment that shall not be.
    { kind: 'table', commands: rulesetCommands(spec, observed) } as const,
    ...families.flatMap((family) => dockerUserRules(family, behind, spec, observed)),
    ...families.flatMap((family) => (family === 4 ? forwarding4 : forwarding6)(spec, observed, held)),
    { kind: 'up', device: spec.bridge } as const,
    ...(families.includes(6) ? linkLocal(spec, observed) : []),
    ...behind.flatMap((pool) => onBridge(pool, spec, observed)),
    ...spec.pools.flatMap((pool) => atUplink(pool, spec, observed)),
  ];
  return [...new Map(pieces.map((resource) => [keyOf(resource), resource])).values()];
}

/** An accept of ours cannot overrule a drop in another chain of the same hook; only a rule in that chain can. */
function dockerUserRules(
  family: 4 | 6,
  pools: readonly Pool[],
  spec: GatewaySpec,
  observed: Observed,
): HostResource[] {
  if (!observed.dockerUser[family]) return [];
  return pools
    .filter((pool) => pool.family === family)
    .flatMap(({ subnet }) =>
      dockerUserRulesFor(family, subnet, spec.bridge, uplinkFor(family, spec, observed.defaults)),
    );
}

/** The kernel forwards IPv4 by the setting of the device that a packet comes in by (inet_forward_change's per-device value). */
function forwarding4(spec: GatewaySpec, observed: Observed, held: readonly Entry[]): HostResource[] {
  const conf = 'net/ipv4/conf';
  const all = observed.sysctls.get(`${conf}/all/rp_filter`);
  return [spec.bridge, uplinkFor(4, spec, observed.defaults)]
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
function forwarding6(spec: GatewaySpec, observed: Observed, held: readonly Entry[]): HostResource[] {
  const conf = 'net/ipv6/conf';
  const before = held.find((entry): entry is EntryOf<'forwarding6'> => entry.kind === 'forwarding6')?.was;
  const listeners = [...observed.links]
    .filter(([device, { enslaved }]) => {
      const forwarding =
        before === undefined ? observed.sysctls.get(`${conf}/${device}/forwarding`) : before[device];
      const path = `${conf}/${device}/accept_ra`;
      const off = observed.sysctls.get(`${conf}/${device}/disable_ipv6`) === '1';
      const listens = forwarding === '0' && originalValue(path, observed, held) === '1';
      return device !== spec.bridge && device !== 'lo' && !enslaved && !off && listens;
    })
    .map(([device]) => sysctl(`${conf}/${device}/accept_ra`, '2'));
  // While the host's own switch is off, it sets those of the devices as well.
  const isOn = observed.sysctls.get(`${conf}/all/forwarding`) === '1';
  const devices = [spec.bridge, uplinkFor(6, spec, observed.defaults)].filter(
    (device) => device !== undefined,
  );
  return [
    sysctl(`${conf}/${spec.bridge}/disable_ipv6`, '0'),
    ...listeners,
    { kind: 'forwarding6' },
    ...(isOn ? devices.map((device) => sysctl(`${conf}/${device}/forwarding`, '1')) : []),
  ];
}

/**
 * The kernel asks for the neighbour of a packet that it forwards under its own link-local address, and without one not at
 * all (ndisc_send_ns). Where NetworkManager gives the bridge one, it is without the kernel's route to its prefix
 * (`noprefixroute`), and NetworkManager's own is lost when it takes the bridge for somebody else's just then (1.58, 2 of 20
 * or so first starts): the host hears the containers' link-local addresses then, and cannot answer.
 */
function linkLocal({ bridge }: GatewaySpec, { links }: Observed): HostResource[] {
  const cidr = 'fe80::1/64';
  const others = links.get(bridge)?.addresses.filter((address) => isLinkLocal(address) && address !== cidr);
  return others?.length
    ? [route('fe80::/64', bridge, RT_TABLE_MAIN)]
    : [{ kind: 'address', device: bridge, cidr }];
}

const isLinkLocal = (address: string) => /^fe80:/i.test(address);

/** The gateway, and the way to the containers. */
function onBridge(pool: Pool, spec: GatewaySpec, observed: Observed): HostResource[] {
  const { bridge } = spec;
  const layout = layoutOf(pool, bridge, observed.links);
  const tables = tablesOf(pool.family, spec, observed);
  if (layout === 'subnet') {
    const address: HostResource = { kind: 'address', device: bridge, cidr: `${pool.gateway}/${pool.prefix}` };
    // The main table has the pool's route by the address.
    return [address, ...tables.slice(1).map((table): HostResource => route(pool.subnet, bridge, table))];
  }
  const routes = addressesIn(pool, spec.published, 'own').flatMap((address) =>
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
function answering(pool: Pool, bridge: string): HostResource[] {
  return pool.family === 4
    ? [sysctl(`net/ipv4/conf/${bridge}/proxy_arp`, '1'), sysctl(`net/ipv4/neigh/${bridge}/proxy_delay`, '0')]
    : [
        sysctl(`net/ipv6/conf/${bridge}/proxy_ndp`, '1'),
        sysctl(`net/ipv6/neigh/${bridge}/proxy_delay`, '0'),
        { kind: 'proxy', address: pool.gateway, device: bridge },
      ];
}

/** Where neighbours at the uplink ask for the addresses themselves, the host answers. */
function atUplink(pool: Pool, spec: GatewaySpec, observed: Observed): HostResource[] {
  const uplink = uplinkFor(pool.family, spec, observed.defaults);
  if (uplink === undefined || !isOnLink(pool, spec, observed.links.get(uplink))) return [];
  const addresses = addressesIn(pool, spec.published, 'public');
  if (addresses.length === 0) return [];
  const { family } = pool;
  return [
    ...(family === 6 ? [sysctl(`net/ipv6/conf/${uplink}/proxy_ndp`, '1')] : []),
    // Else the answer waits for up to 0.8 s, a random time (RFC 4861 7.2.8: for several proxies of one address).
    sysctl(`net/ipv${family}/neigh/${uplink}/proxy_delay`, '0'),
    // The kernel answers only for what it would forward to another device (arp_process, by all policy tables).
    ...(spec.mode === 'nat1to1'
      ? addresses.flatMap((address) =>
          tablesOf(family, spec, observed).map((table) => route(hostRoute(address), spec.bridge, table)),
        )
      : []),
    ...addresses.map((address): HostResource => ({ kind: 'proxy', address, device: uplink })),
  ];
}

const route = (to: string, device: string, table: number): HostResource => ({
  kind: 'route',
  to,
  device,
  table,
});

/** The main table, then those that policy rules may lead traffic of the uplink or the bridge to (lxd#7152). */
function tablesOf(family: 4 | 6, spec: GatewaySpec, observed: Observed): number[] {
  const ours = [undefined, spec.bridge, uplinkFor(family, spec, observed.defaults)];
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
