// Looks at the host: `ip -json`, exit codes of iptables, /proc/sys, and what read-ruleset.ts says of nftables.

import { z } from 'zod';
import { kernelFamilies } from '../../core/kernel/families.ts';
import { askIp } from '../../core/kernel/ip-batch.ts';
import { isLink } from '../../core/kernel/links.ts';
import { type DefaultRoute, parseDefaultRoutes } from '../../core/kernel/routes.ts';
import { parseCidr } from '../../core/lib/cidr.ts';
import { kernelNameProblem } from '../../core/lib/device-name.ts';
import { isAgentError } from '../../core/lib/errors.ts';
import type { Exec } from '../../core/lib/exec.ts';
import { dockerUserArguments, dockerUserRulesFor, iptables, sameRule } from './docker-user.ts';
import { type Entry, type HostResource, keyOf } from './host-resources.ts';
import type { Observed, PolicyRule } from './observed.ts';
import { readRules } from './read-ruleset.ts';
import type { GatewaySpec } from './spec.ts';
import type { Sysctls } from './sysctls.ts';
import { type HostLinks, hostRoute, uplinkFor } from './uplink.ts';

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

export interface Senses {
  exec: Exec;
  sysctls: Sysctls;
}

/** What the spec and the record speak of. Throws `exec-failed`, or a schema's error for what is no such output. */
export async function observe(
  { exec, sysctls }: Senses,
  spec: GatewaySpec | undefined,
  record: readonly Entry[],
): Promise<Observed> {
  const devices = [
    spec?.bridge,
    ...record.map((entry) => (entry.kind === 'route' ? entry.device : undefined)),
  ].filter((device, at, all) => device !== undefined && all.indexOf(device) === at) as string[];
  const there = devices.filter((device) => kernelNameProblem(device) === undefined && isLink(device));
  const ofFamily = async (family: 4 | 6) => {
    const questions = [
      ['rule', 'show'],
      ['route', 'show', 'default'],
      ...there.map((device) => ['route', 'show', 'table', 'all', 'dev', device]),
    ];
    const options = ['-N', `-${family}`];
    const [rules, defaults, ...routes] = await askIp(exec, questions, { options });
    return {
      rules: rulesSchema.parse(rules).flatMap(policyRule),
      defaults: parseDefaultRoutes(family === 4 ? 'inet' : 'inet6', JSON.stringify(defaults)),
      routes: routes.flatMap((found, at) =>
        routesSchema
          .parse(found)
          .filter(({ type }) => type === '1')
          .map(({ dst, table }) => routeKey(dst, there[at] ?? '', table)),
      ),
    };
  };
  const families = kernelFamilies().filter((family) => family === 4 || asks6(spec, record));
  const none = { rules: [], defaults: [], routes: [] };
  const [four, six, [addresses, neighbours], rules] = await Promise.all([
    ofFamily(4),
    families.includes(6) ? ofFamily(6) : none,
    askIp(
      exec,
      [
        ['address', 'show'],
        ['neigh', 'show', 'proxy'],
      ],
      { options: ['-N'] },
    ),
    readRules(exec),
  ]);
  const links = linksOf(linksSchema.parse(addresses));
  const proxies = proxiesSchema.parse(neighbours);
  const defaults = [...four.defaults, ...six.defaults];
  const rulesToCheck = dockerUserRulesToCheck(spec, record, defaults);
  const [docker4, docker6] = await Promise.all([
    dockerUser(exec, 4, rulesToCheck[4]),
    dockerUser(exec, 6, rulesToCheck[6]),
  ]);
  const proxied = proxies.map(({ dst, dev = '' }) => keyOf({ kind: 'proxy', address: dst, device: dev }));
  return {
    links,
    defaults,
    policyRules: { 4: four.rules, 6: six.rules },
    present: new Set([...proxied, ...four.routes, ...six.routes, ...docker4.present, ...docker6.present]),
    sysctls: readSysctls(sysctls, links, spec, record),
    table: rules.digest,
    dockerUser: { 4: docker4.exists, 6: docker6.exists },
    obstacles: spec === undefined ? [] : rules.obstacles(spec, defaults),
  };
}

/** A family without pools, and of which nothing of ours is left, is not asked. */
function asks6(spec: GatewaySpec | undefined, record: readonly Entry[]): boolean {
  const isOf6 = (entry: Entry) =>
    entry.kind === 'forwarding6' ||
    ('family' in entry && entry.family === 6) ||
    Object.values(entry).some((value) => typeof value === 'string' && value.includes(':'));
  return spec?.pools.some(({ family }) => family === 6) === true || record.some(isOf6);
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

type DockerUserRule = Extract<HostResource, { kind: 'exception' }>;

/** Those that the spec may need and those that we have. */
function dockerUserRulesToCheck(
  spec: GatewaySpec | undefined,
  record: readonly Entry[],
  defaults: readonly DefaultRoute[],
): Record<4 | 6, DockerUserRule[]> {
  const pools = spec?.published.length ? spec.pools : [];
  const desiredRules = pools.flatMap(({ family, subnet }) =>
    spec === undefined
      ? []
      : dockerUserRulesFor(family, subnet, spec.bridge, uplinkFor(family, spec, defaults)),
  );
  const all = [...desiredRules, ...record.filter((entry) => entry.kind === 'exception')];
  const once = [...new Map(all.map((one) => [keyOf(one), one])).values()];
  return { 4: once.filter(({ family }) => family === 4), 6: once.filter(({ family }) => family === 6) };
}

async function dockerUser(exec: Exec, family: 4 | 6, rulesToCheck: readonly DockerUserRule[]) {
  const said = (...args: string[]) =>
    exec(iptables(family), ['-w', '2', ...args]).catch((error: unknown) => {
      // No such chain, no such rule, or no iptables at all: the same to us.
      if (isAgentError(error, 'exec-failed')) return undefined;
      throw error;
    });
  const listed = rulesToCheck.length === 0 ? undefined : await said('-S', 'DOCKER-USER');
  if (listed === undefined) return { exists: false, present: [] };
  const known = new Set(listed.split('\n').map((line) => sameRule(line.trim().split(/\s+/).slice(2))));
  const found = await Promise.all(
    rulesToCheck.map(async (one) => {
      const wanted = dockerUserArguments(one);
      // A rule that another version writes in another way is not taken for missing.
      return known.has(sameRule(wanted)) || (await said('-C', 'DOCKER-USER', ...wanted)) !== undefined;
    }),
  );
  return { exists: true, present: rulesToCheck.filter((_, at) => found[at]).map(keyOf) };
}

function readSysctls(
  sysctls: Sysctls,
  links: HostLinks,
  spec: GatewaySpec | undefined,
  record: readonly Entry[],
): Map<string, string> {
  const four = ['all', ...links.keys()].filter(
    (name) => name === 'all' || kernelNameProblem(name) === undefined,
  );
  const needs6 =
    spec?.pools.some(({ family }) => family === 6) || record.some(({ kind }) => kind === 'forwarding6');
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
