// The nftables tables of our own, as the commands of one transaction (libnftables-json(5)).

import type { PublishedAddress, ServiceRule } from '../../core/plan/port-security.ts';
import { linkLocalOf } from '../port-security/port.ts';
import {
  ACCEPT,
  COUNTERS,
  count,
  DROP,
  FAMILIES,
  type Family,
  ip,
  match,
  meta,
  type NamedSet,
  payload,
  source,
  target,
  unique,
} from './expressions.ts';
import type { Observed } from './observed.ts';
import { mergedPorts, parsePorts } from './service-ports.ts';
import { dockerSet, sourceRules, sourceSets } from './sources.ts';
import type { GatewaySpec } from './spec.ts';
import { ARP_TABLE, TABLE } from './tables.ts';
import { familyOf, ownAddress } from './uplink.ts';

export type Tally = ReadonlyMap<string, { packets: number; bytes: number }>;

const portOf = payload('th', 'dport');
const isReply = match({ ct: { key: 'state' } }, ['established', 'related'], 'in');
const isIcmp = (family: Family) => match(meta('l4proto'), family === 4 ? 'icmp' : 'ipv6-icmp');

/** Numbers of netfilter's hooks: 100 is srcnat, -100 dstnat, 0 filter, -300 raw. */
const CHAINS = [
  { name: 'own_sources', type: 'filter', hook: 'prerouting', prio: -300 },
  { name: 'to_inside', type: 'nat', hook: 'prerouting', prio: -110 },
  { name: 'to_inside_local', type: 'nat', hook: 'output', prio: -110 },
  { name: 'to_containers', type: 'filter', hook: 'forward', prio: -10 },
  { name: 'to_host', type: 'filter', hook: 'input', prio: -10 },
  { name: 'no_redirects', type: 'filter', hook: 'output', prio: -10 },
  { name: 'own_address', type: 'nat', hook: 'postrouting', prio: 90 },
] as const;
type Chain = (typeof CHAINS)[number]['name'];

/** Takes both tables away, also where one or both are not there: what is not there can be added, and deleted then. */
export function clearCommands(): object[] {
  return [TABLE, ARP_TABLE].flatMap((table) => [{ add: { table } }, { delete: { table } }]);
}

/**
 * Replaces the tables as a whole: whoever looks sees the old ones or the new ones. The counters start at `tally`.
 * Rules are as many for two hundred containers as for one; what differs is in sets.
 */
export function rulesetCommands(
  spec: GatewaySpec,
  host: Pick<Observed, 'links'>,
  tally: Tally = new Map(),
): object[] {
  const own = { family: TABLE.family, table: TABLE.name };
  const rule = ({ chain, expr }: Rule) => ({ add: { rule: { ...own, chain, expr } } });
  const sets = [
    portSet(spec),
    dockerSet(spec),
    localSet(spec),
    ...FAMILIES.flatMap((family) => [...sourceSets(family, spec, host), ...setsOf(family, spec)]),
  ];
  return [
    ...clearCommands(),
    { add: { table: TABLE } },
    ...Object.values(COUNTERS).map((name) => ({
      add: { counter: { ...own, name, ...(tally.get(name) ?? { packets: 0, bytes: 0 }) } },
    })),
    ...sets.map((set) => addSet(own, set)),
    ...CHAINS.map((chain) => ({ add: { chain: { ...own, ...chain, policy: 'accept' } } })),
    { add: { rule: { ...own, chain: 'own_sources', expr: fromPort } } },
    ...rulesOf(spec).map(rule),
    ...arpCommands(spec),
  ];
}

function addSet(of: { family: string; table: string }, { map, elem, ...set }: NamedSet): object {
  const whole = { ...of, ...set, ...(map !== undefined && { map }), ...(elem.length > 0 && { elem }) };
  return { add: map === undefined ? { set: whole } : { map: whole } };
}

/**
 * With OVS's netdev datapath the host's own stack gets a copy of what a container sends, at the container's port: it
 * would answer ARP for the gateway with that port's address, and the container would go past the bridge from then on.
 * With the kernel datapath nothing ever comes here.
 */
const PORTS = 'ports';
const fromPort = [match(meta('iifname'), `@${PORTS}`), DROP];

const portSet = ({ published }: GatewaySpec): NamedSet => ({
  name: PORTS,
  type: 'ifname',
  elem: unique(published.map(({ port }) => port)),
});

function arpCommands(spec: GatewaySpec): object[] {
  const of = { family: ARP_TABLE.family, table: ARP_TABLE.name };
  const chain = { ...of, name: 'past_the_bridge', type: 'filter', hook: 'input', prio: 0, policy: 'accept' };
  return [
    { add: { table: ARP_TABLE } },
    addSet(of, portSet(spec)),
    { add: { chain } },
    ...[fromPort, ...askedTooSoon(spec)].map((expr) => ({
      add: { rule: { ...of, chain: chain.name, expr } },
    })),
  ];
}

/**
 * A container that sends from its first moment on asks for its gateway before its port is in the set; with the port's
 * own answer its packets would be dropped for half a minute, until the kernel asks anew (measured: 40 s).
 */
function askedTooSoon({ bridge, pools }: GatewaySpec): object[][] {
  const gateways = pools.filter(({ family }) => family === 4).map(({ gateway }) => gateway);
  if (gateways.length === 0) return [];
  return [
    [
      match(meta('iifname'), 'vi*'),
      match(meta('iifname'), bridge, '!='),
      match(payload('arp', 'daddr ip'), { set: unique(gateways) }),
      DROP,
    ],
  ];
}

/** In nft's own language, as one transaction: elements for sets that are there. */
export function holdCommands(published: readonly PublishedAddress[]): string {
  const ports = unique(published.map(({ port }) => `"${port}"`)).join(', ');
  const known = [TABLE, ARP_TABLE].map(
    ({ family, name }) => `add element ${family} ${name} ${PORTS} { ${ports} }`,
  );
  const add = (set: string, elements: readonly string[]) =>
    elements.length === 0
      ? []
      : [`add element ${TABLE.family} ${TABLE.name} ${set} { ${unique(elements).join(', ')} }`];
  const closed = FAMILIES.flatMap((family) =>
    add(
      `containers${family}`,
      published.map(ownAddress).filter((address) => familyOf(address) === family),
    ),
  );
  return [...known, ...closed, ...add(LOCALS, linkLocals(published))].join('; ');
}

/** What a container's NIC has beside its addresses; its port lets no other link-local one through. */
const LOCALS = 'locals6';
const linkLocals = (published: readonly PublishedAddress[]) =>
  published.flatMap(({ mac }) => (mac === undefined ? [] : [linkLocalOf(mac)]));

const localSet = ({ published }: GatewaySpec): NamedSet => ({
  name: LOCALS,
  type: 'ipv6_addr',
  elem: unique(linkLocals(published)),
});

/** Sets by family: who is behind the bridge, and what may come in to whom. */
function setsOf(family: Family, spec: GatewaySpec): NamedSet[] {
  const type = `ipv${family}_addr`;
  const mine = spec.published.filter((one) => familyOf(ownAddress(one)) === family);
  const may = (rule: string) => mine.filter(({ allowIn }) => allowIn.includes(rule)).map(ownAddress);
  const pairs = mine.filter(({ inside }) => inside !== undefined);
  const opened = mine.flatMap((one) => mergedPorts(one.allowIn).map((ports) => [ownAddress(one), ...ports]));
  const plain: NamedSet[] = [
    { name: `containers${family}`, type, elem: unique(mine.map(ownAddress)) },
    { name: `open${family}`, type, elem: unique(may('all')) },
    { name: `icmp${family}`, type, elem: unique(may('icmp')) },
    {
      name: `ports${family}`,
      type: [type, 'inet_proto', 'inet_service'],
      flags: ['interval'],
      elem: unique(opened).map((concat) => ({ concat })),
    },
  ];
  if (spec.mode !== 'nat1to1') return plain;
  const maps: NamedSet[] = [
    { name: `inside${family}`, type, map: type, elem: unique(pairs.map((p) => [p.address, p.inside])) },
    { name: `public${family}`, type, map: type, elem: unique(pairs.map((p) => [p.inside, p.address])) },
  ];
  return [...plain, ...maps];
}

interface Rule {
  chain: Chain;
  expr: object[];
}

function rulesOf(spec: GatewaySpec): Rule[] {
  const fromBridge = match(meta('iifname'), spec.bridge);
  const toBridge = match(meta('oifname'), spec.bridge);
  const leaves = match(meta('oifname'), spec.bridge, '!=');

  const forFamily = (family: Family): Rule[] => {
    const containers = `@containers${family}`;
    const arrives = [toBridge, match(target(family), containers)];
    const address = { concat: [target(family), meta('l4proto'), portOf] };
    return [
      ...sourceRules(family, spec).map((expr): Rule => ({ chain: 'own_sources', expr })),
      // The bridge keeps them apart; by way of the gateway they would still meet.
      ...(spec.isolate
        ? [
            {
              chain: 'to_containers' as const,
              expr: [fromBridge, match(source(family), containers), ...arrives, count('refused'), DROP],
            },
          ]
        : []),
      { chain: 'to_containers', expr: [...arrives, isReply, ACCEPT] },
      { chain: 'to_containers', expr: [toBridge, match(target(family), `@open${family}`), ACCEPT] },
      {
        chain: 'to_containers',
        expr: [toBridge, match(target(family), `@icmp${family}`), isIcmp(family), ACCEPT],
      },
      { chain: 'to_containers', expr: [toBridge, match(address, `@ports${family}`), ACCEPT] },
      { chain: 'to_containers', expr: [...arrives, count('refused'), DROP] },
      ...hostRules(family, spec.hostServices, [fromBridge, match(source(family), `@pools${family}`)]),
      ...(family === 6
        ? hostRules(family, spec.hostServices, [fromBridge, match(source(family), `@${LOCALS}`)])
        : []),
      // All on one bridge reach each other there, or must not: a shorter way is none of the host's advice.
      {
        chain: 'no_redirects',
        expr: [
          toBridge,
          family === 4
            ? match(payload('icmp', 'type'), 'redirect')
            : match(payload('icmpv6', 'type'), 'nd-redirect'),
          DROP,
        ],
      },
      ...(spec.mode === 'nat1to1' ? translation(family) : keptSource(family)),
    ];
  };

  /** The first NAT rule that a connection meets decides; so no MASQUERADE that somebody adds later can. */
  const keptSource = (family: Family): Rule[] => [
    {
      chain: 'own_address',
      expr: [
        leaves,
        match(source(family), `@containers${family}`),
        { snat: { family: ip(family), addr: source(family) } },
      ],
    },
  ];

  /** Also from container to container by their published addresses: out by the device it came in by. */
  const translation = (family: Family): Rule[] => {
    const toInside = {
      dnat: { family: ip(family), addr: { map: { key: target(family), data: `@inside${family}` } } },
    };
    const toPublic = {
      snat: { family: ip(family), addr: { map: { key: source(family), data: `@public${family}` } } },
    };
    return [
      { chain: 'to_inside', expr: [toInside] },
      { chain: 'to_inside_local', expr: [toInside] },
      { chain: 'own_address', expr: [leaves, toPublic] },
      { chain: 'own_address', expr: [fromBridge, toBridge, toPublic] },
    ];
  };

  return FAMILIES.flatMap(forFamily);
}

/** What containers may open on the host. Neighbour discovery stays: without it there is no gateway. */
function hostRules(family: Family, services: readonly ServiceRule[], from: object[]): Rule[] {
  if (services.includes('all')) return [];
  const discovery = { set: ['nd-router-solicit', 'nd-neighbor-solicit', 'nd-neighbor-advert'] };
  const rule = (...expr: object[]): Rule => ({ chain: 'to_host', expr: [...from, ...expr] });
  return [
    rule(isReply, ACCEPT),
    ...(family === 6 ? [rule(match(payload('icmpv6', 'type'), discovery), ACCEPT)] : []),
    ...(services.includes('icmp') ? [rule(isIcmp(family), ACCEPT)] : []),
    ...services
      .map(parsePorts)
      .filter((ports) => ports !== undefined)
      .map(({ protocol, ports }) => rule(match(payload(protocol, 'dport'), ports), ACCEPT)),
    rule(count('refusedByHost'), DROP),
  ];
}
