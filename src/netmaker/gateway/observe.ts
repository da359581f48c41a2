// Looks at the host: `ip -json`, `nft -j`, exit codes of iptables, /proc/sys.

import { z } from 'zod';
import { isAgentError } from '../../core/errors.ts';
import type { Exec } from '../../core/exec.ts';
import { parseCidr } from '../../core/guest/cidr.ts';
import { kernelNameProblem } from '../../core/guest/kernel-name.ts';
import { type Family, kernelFamilies } from '../../core/kernel/families.ts';
import { type DefaultRoute, defaultRoutes } from '../../core/kernel/routes.ts';
import { exceptionArguments, exceptionsFor, iptables } from './exceptions.ts';
import { forwardObstacles, type Obstacle } from './forwarding.ts';
import type { Observed, PolicyRule } from './observed.ts';
import { type Entry, keyOf, type Piece } from './pieces.ts';
import { digestOf } from './plan.ts';
import { ARP_TABLE, TABLE, type Tally } from './ruleset.ts';
import type { Sysctls } from './sysctls.ts';
import { type HostLinks, hostRoute, uplinkFor } from './uplink.ts';
import type { GatewayWish } from './wish.ts';

const linksSchema = z.array(
  z.object({
    ifindex: z.int().positive(),
    ifname: z.string(),
    flags: z.array(z.string()),
    master: z.string().optional(),
    addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.int().optional() })).default([]),
  }),
);
const rulesSchema = z.array(
  z.object({ table: z.coerce.number().optional(), iif: z.string().optional(), oif: z.string().optional() }),
);
const routesSchema = z.array(
  z.object({ dst: z.string(), table: z.coerce.number().default(254), type: z.string().default('1') }),
);
const proxiesSchema = z.array(z.object({ dst: z.string(), dev: z.string().optional() }));
const rulesetSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const counterSchema = z.object({ name: z.string(), packets: z.number(), bytes: z.number() });

export interface Senses {
  exec: Exec;
  sysctls: Sysctls;
}

/** What the wish and the record speak of. Throws `exec-failed`, or a schema's error for what is no such output. */
export async function observe(
  { exec, sysctls }: Senses,
  wish: GatewayWish | undefined,
  record: readonly Entry[],
): Promise<Observed> {
  const json = async <T extends z.ZodType>(schema: T, ...args: string[]): Promise<z.infer<T>> => {
    const text = await exec('ip', ['-json', '-N', ...args]);
    return schema.parse(text.trim() === '' ? [] : JSON.parse(text));
  };
  const families = kernelFamilies().filter((family) => family === 4 || asks6(wish, record));
  const defaults = await defaultRoutes(exec, families);
  const policyRules = async (family: Family) =>
    families.includes(family)
      ? (await json(rulesSchema, `-${family}`, 'rule', 'show')).flatMap(policyRule)
      : [];
  const looks = exceptionsToLookFor(wish, record, defaults);
  const [links, rules4, rules6, proxies, table, obstacles, docker4, docker6] = await Promise.all([
    json(linksSchema, 'address', 'show').then(linksOf),
    policyRules(4),
    policyRules(6),
    json(proxiesSchema, 'neigh', 'show', 'proxy'),
    readTable(exec),
    readObstacles(exec, wish, defaults),
    dockerUser(exec, 4, looks[4]),
    dockerUser(exec, 6, families.includes(6) ? looks[6] : []),
  ]);
  const devices = [
    wish?.bridge,
    ...record.map((entry) => (entry.kind === 'route' ? entry.device : undefined)),
  ]
    .filter((device) => device !== undefined && links.has(device))
    .filter((device, at, all) => all.indexOf(device) === at) as string[];
  const routes = await Promise.all(
    devices.flatMap((device) =>
      families.map(async (family) => {
        const found = await json(routesSchema, `-${family}`, 'route', 'show', 'table', 'all', 'dev', device);
        return found.filter(({ type }) => type === '1').map(({ dst, table }) => routeKey(dst, device, table));
      }),
    ),
  );
  const proxied = proxies.map(({ dst, dev = '' }) => keyOf({ kind: 'proxy', address: dst, device: dev }));
  return {
    links,
    defaults,
    policyRules: { 4: rules4, 6: rules6 },
    present: new Set([...proxied, ...routes.flat(), ...docker4.present, ...docker6.present]),
    sysctls: readSysctls(sysctls, links, wish, record),
    table: table.digest,
    dockerUser: { 4: docker4.exists, 6: docker6.exists },
    obstacles,
  };
}

/** A family without pools, and of which nothing of ours is left, is not asked. */
function asks6(wish: GatewayWish | undefined, record: readonly Entry[]): boolean {
  const isOf6 = (entry: Entry) =>
    entry.kind === 'forwarding6' ||
    Object.values(entry).some((value) => value === 6 || (typeof value === 'string' && value.includes(':')));
  return wish?.pools.some(({ family }) => family === 6) === true || record.some(isOf6);
}

function linksOf(links: z.infer<typeof linksSchema>): HostLinks {
  return new Map(
    links.map(({ ifindex, ifname, flags, master, addr_info }) => [
      ifname,
      {
        index: ifindex,
        up: flags.includes('UP'),
        enslaved: master !== undefined,
        addresses: addr_info
          .map(({ local, prefixlen }) => parseCidr(`${local}/${prefixlen}`)?.text)
          .filter((text) => text !== undefined),
      },
    ]),
  );
}

const policyRule = ({ table, iif, oif }: z.infer<typeof rulesSchema>[number]): PolicyRule[] =>
  table === undefined
    ? []
    : [{ table, ...(iif !== undefined && { iif }), ...(oif !== undefined && { oif }) }];

/** `ip` leaves the prefix length of a single address out. */
function routeKey(dst: string, device: string, table: number): string {
  return keyOf({ kind: 'route', to: dst.includes('/') ? dst : hostRoute(dst), device, table });
}

/** Our tables without what differs from look to look, and the counters in them. */
export async function readTable(exec: Exec): Promise<{ digest: string | undefined; tally: Tally }> {
  const both = await Promise.all([TABLE, ARP_TABLE].map((table) => listTable(exec, table)));
  const objects = both.flat();
  const counters = objects.flatMap(({ counter }) => counterSchema.safeParse(counter).data ?? []);
  return {
    digest: objects.length === 0 ? undefined : digestOf(objects.map(withoutPassing)),
    tally: new Map(counters.map(({ name, packets, bytes }) => [name, { packets, bytes }])),
  };
}

async function listTable(exec: Exec, table: { family: string; name: string }) {
  try {
    const text = await exec('nft', ['-j', 'list', 'table', table.family, table.name]);
    const { nftables } = rulesetSchema.parse(JSON.parse(text));
    return nftables.filter((one) => !('metainfo' in one));
  } catch (error) {
    // No such table. That nft works at all shows in the list of the whole ruleset.
    if (isAgentError(error, 'exec-failed')) return [];
    throw error;
  }
}

/** Handles are given out anew, counters run, and the elements of a set have no order. */
function withoutPassing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPassing);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !['handle', 'packets', 'bytes'].includes(key))
      .map(([key, inner]) => [
        key,
        key === 'elem' && Array.isArray(inner)
          ? inner.map((element) => JSON.stringify(element)).sort()
          : withoutPassing(inner),
      ]),
  );
}

/** Somebody else's rules may be such as `nft` cannot show as JSON; the gateway works without knowing them. */
async function readObstacles(
  exec: Exec,
  wish: GatewayWish | undefined,
  defaults: readonly DefaultRoute[],
): Promise<Obstacle[] | undefined> {
  if (wish === undefined) return [];
  try {
    const ruleset = await exec('nft', ['-j', 'list', 'ruleset']);
    return forwardObstacles(ruleset, wish.pools, wish.bridge, (family) => uplinkFor(family, wish, defaults));
  } catch {
    // An nft that does not work at all is another matter.
    await exec('nft', ['-j', 'list', 'tables']);
    return undefined;
  }
}

type Exception = Extract<Piece, { kind: 'exception' }>;

/** Those that the wish may need and those that we have. */
function exceptionsToLookFor(
  wish: GatewayWish | undefined,
  record: readonly Entry[],
  defaults: readonly DefaultRoute[],
): Record<4 | 6, Exception[]> {
  const pools = wish?.published.length ? wish.pools : [];
  const wished = pools.flatMap(({ family, subnet }) =>
    wish === undefined ? [] : exceptionsFor(family, subnet, wish.bridge, uplinkFor(family, wish, defaults)),
  );
  const all = [...wished, ...record.filter((entry) => entry.kind === 'exception')];
  const once = [...new Map(all.map((one) => [keyOf(one), one])).values()];
  return { 4: once.filter(({ family }) => family === 4), 6: once.filter(({ family }) => family === 6) };
}

async function dockerUser(exec: Exec, family: 4 | 6, looks: readonly Exception[]) {
  const works = (args: readonly string[]) =>
    exec(iptables(family), ['-w', '2', ...args]).then(
      () => true,
      (error: unknown) => {
        // No such chain, no such rule, or no iptables at all: the same to us.
        if (isAgentError(error, 'exec-failed')) return false;
        throw error;
      },
    );
  if (looks.length === 0 || !(await works(['-n', '-L', 'DOCKER-USER'])))
    return { exists: false, present: [] };
  const found = await Promise.all(
    looks.map((one) => works(['-C', 'DOCKER-USER', ...exceptionArguments(one)])),
  );
  return { exists: true, present: looks.filter((_, at) => found[at]).map(keyOf) };
}

function readSysctls(
  sysctls: Sysctls,
  links: HostLinks,
  wish: GatewayWish | undefined,
  record: readonly Entry[],
): Map<string, string> {
  const four = ['all', ...links.keys()].filter(
    (name) => name === 'all' || kernelNameProblem(name) === undefined,
  );
  const needs6 =
    wish?.pools.some(({ family }) => family === 6) || record.some(({ kind }) => kind === 'forwarding6');
  const paths = [
    ...four.flatMap((device) => [
      ...['forwarding', 'rp_filter', 'proxy_arp'].map((name) => `net/ipv4/conf/${device}/${name}`),
      `net/ipv4/neigh/${device}/proxy_delay`,
    ]),
    ...(needs6 ? sysctls.devices6() : []).flatMap((device) => [
      ...['forwarding', 'accept_ra', 'disable_ipv6', 'proxy_ndp'].map(
        (name) => `net/ipv6/conf/${device}/${name}`,
      ),
      `net/ipv6/neigh/${device}/proxy_delay`,
    ]),
    ...record.flatMap((entry) => (entry.kind === 'sysctl' ? [entry.path] : [])),
  ];
  return new Map(
    [...new Set(paths)].flatMap((path) => {
      const value = sysctls.read(path);
      return value === undefined ? [] : [[path, value]];
    }),
  );
}
