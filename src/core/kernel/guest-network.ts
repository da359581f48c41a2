// What a container's network namespace needs so that a new default route leaves its former network working; pure.

import { z } from 'zod';
import { type Cidr, contains, ipFrom, parseCidr, parseIp, subnetRange } from '../lib/cidr.ts';
import { kernelNameProblem } from '../lib/device-name.ts';
import type { VethRequest } from './veth-request.ts';

/** Tables and priorities of rules, inside containers, that are ours: far from what Netmaker and Docker use there. */
export const FORMER_TABLE = 5182;
export const OWN_TABLE = 5183;
const FORMER_PRIORITY = 5182;
const OWN_MAIN_PRIORITY = 5183;
const OWN_PRIORITY = 5184;
const PRIORITIES: readonly number[] = [FORMER_PRIORITY, OWN_MAIN_PRIORITY, OWN_PRIORITY];

/**
 * Metric of our default route. Docker, and most others, add theirs without one, which is the second here, and the kernel
 * refuses a second route of the same metric; so each of their commands works, and what it sets comes before ours.
 */
const OWN_METRIC = { 4: 1, 6: 1025 } as const;
const USUAL_METRIC = { 4: 0, 6: 1024 } as const;

/** What an inner end was given before: all else about it is the container's own doing. */
export interface Given {
  addresses: readonly string[];
  gateways: readonly string[];
}

// A container with NET_ADMIN chooses names and routes itself; a name that is none never reaches a command.
const device = z.string().refine((name) => kernelNameProblem(name) === undefined);
const routeSchema = z.object({
  dst: z.string(),
  gateway: z.string().optional(),
  dev: device.optional().catch(undefined),
  table: z.union([z.string(), z.number()]).optional(),
  type: z.string().optional(),
  metric: z.number().optional(),
});
const linkSchema = z.object({
  ifname: z.string(),
  addr_info: z
    .array(
      z.object({
        family: z.string(),
        local: z.string().optional(),
        prefixlen: z.number(),
        scope: z.string(),
      }),
    )
    .default([]),
});
const ruleSchema = z.object({
  priority: z.number(),
  src: z.string(),
  srclen: z.number().optional(),
  dst: z.string().optional(),
  dstlen: z.number().optional(),
  table: z.union([z.string(), z.number()]).optional(),
});
export const routesSchema = z.array(routeSchema);
export const linksSchema = z.array(linkSchema);
export const rulesSchema = z.array(ruleSchema);

/** One family's part of a namespace, as `ip -json` gives it. */
export interface GuestNetwork {
  family: 4 | 6;
  links: z.infer<typeof linksSchema>;
  /** Of all tables. */
  routes: z.infer<typeof routesSchema>;
  rules: z.infer<typeof rulesSchema>;
}

/** A default route; without a gateway where the device needs none. */
interface FormerRoute {
  gateway: string | undefined;
  dev: string;
  /** What the kernel shows; undefined is 0. */
  metric: number | undefined;
}

const tableOf = ({ table }: { table?: string | number | undefined }) => String(table ?? 'main');
const isDefault = ({ dst, type = 'unicast' }: { dst: string; type?: string | undefined }) =>
  dst === 'default' && type === 'unicast';
const hop = ({ gateway, dev }: Pick<FormerRoute, 'gateway' | 'dev'>) =>
  gateway === undefined ? `dev ${dev} scope link` : `via ${gateway} dev ${dev}`;

/**
 * Lines for `ip -batch` that give the inner end its addresses and make it the default route. Answers to what comes in
 * through the former network leave through it (a rule by source address), and so does what asks its name servers: a
 * resolver in the host's network may know no route to a public address.
 *
 * @param given what it was given before, if it was set up before; then what the container has changed since stays: an
 *   address or a default route that it took off or added itself
 */
export function configureLines(request: VethRequest, network: GuestNetwork, given?: Given): string[] {
  const { guestInterface: link } = request;
  const { family } = network;
  const gateway = gatewayOf(request, family);
  const wanted = ofFamily(request.addresses, family);
  // First: the kernel may take all later addresses of a subnet along with its first (promote_secondaries). A container
  // that was given nothing keeps what it set itself.
  const lines = surplus(link, wanted, network, given);
  lines.push(
    ...wanted
      .filter((text) => !given?.addresses.includes(text))
      .map((text) => `address replace ${text} dev ${link}${family === 6 ? ' nodad' : ''}`),
  );
  if (gateway === undefined) return lines;
  const dockers = defaultsIn('main', network).filter((route) => isDockers(route, request, network, given));
  const [former] = [...dockers, ...defaultsIn(String(FORMER_TABLE), network)];
  if (former !== undefined) lines.push(...keepFormer(request, former, network));
  lines.push(...ownRules(request, gateway, network, given));
  lines.push(...ownDefault(request, gateway, network, given));
  // Without a metric the first that fits goes, and the kernel keeps the lowest first.
  lines.push(...dockers.map((route) => `route del default ${hop(route)}${metricOf(route)}`));
  return lines;
}

/**
 * Lines for `ip -batch` that leave the default route that Docker would have made, and nothing that is ours; a default route
 * of the container's own stays.
 */
export function releaseLines(request: VethRequest, network: GuestNetwork): string[] {
  const { guestInterface: link } = request;
  const { family } = network;
  const lines = network.rules.flatMap((rule) => (isOurRule(rule) ? [deletion(rule)] : []));
  const [former = dockersChoice(request, network)] = defaultsIn(String(FORMER_TABLE), network);
  const main = defaultsIn('main', network);
  // What is there beside ours is Docker's of late, or the container's own.
  const restores = former !== undefined && main.every(({ dev }) => dev === link);
  if (restores) lines.push(`route replace default ${hop(former)} metric ${USUAL_METRIC[family]}`);
  for (const { gateway, metric } of main.filter(({ dev }) => dev === link)) {
    const isReplaced = restores && (metric ?? 0) === USUAL_METRIC[family];
    if (!isReplaced) lines.push(`route del default ${hop({ gateway, dev: link })}${metricOf({ metric })}`);
  }
  for (const table of [FORMER_TABLE, OWN_TABLE]) {
    if (network.routes.some((route) => tableOf(route) === String(table)))
      lines.push(`route flush table ${table}`);
  }
  return lines;
}

const metricOf = ({ metric }: Pick<FormerRoute, 'metric'>) =>
  metric === undefined ? '' : ` metric ${metric}`;

const gatewayOf = ({ gateways }: VethRequest | Given, family: 4 | 6) =>
  gateways.find((text) => parseIp(text)?.family === family);

const ofFamily = (cidrs: readonly string[], family: 4 | 6) =>
  cidrs.filter((text) => parseCidr(text)?.address.family === family);

/** Those of a table, the one that the kernel prefers first; a container's own choice of words never reaches a command. */
function defaultsIn(table: string, { routes }: GuestNetwork): FormerRoute[] {
  return routes
    .filter((route) => isDefault(route) && tableOf(route) === table)
    .flatMap(({ gateway, dev, metric }) =>
      dev === undefined || (gateway !== undefined && parseIp(gateway) === undefined)
        ? []
        : [{ gateway, dev, metric }],
    )
    .sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
}

/** Whether a default route is of Docker's making: all that there were before the first set-up are. */
function isDockers(
  { dev, gateway }: FormerRoute,
  request: VethRequest,
  network: GuestNetwork,
  given: Given | undefined,
): boolean {
  if (dev === request.guestInterface) return false;
  if (given === undefined) return true;
  const former = defaultsIn(String(FORMER_TABLE), network);
  if (former.some((route) => route.dev === dev && route.gateway === gateway)) return true;
  return request.networks.some(
    ({ addresses, gateways }) =>
      addressesOn(dev, network).some(({ local }) => addresses.some((text) => text === local)) &&
      (gateway === undefined || gateways.includes(gateway)),
  );
}

/** Where Docker would have the container's default route lead, by what it says of its networks. */
function dockersChoice(request: VethRequest, network: GuestNetwork): FormerRoute | undefined {
  for (const { addresses, gateways } of request.networks) {
    const gateway = gateways.find((text) => parseIp(text)?.family === network.family);
    const link = network.links.find(({ ifname }) =>
      addressesOn(ifname, network).some(({ local }) => local !== undefined && addresses.includes(local)),
    );
    if (gateway !== undefined && link !== undefined) return { gateway, dev: link.ifname, metric: undefined };
  }
  return undefined;
}

const addressesOn = (dev: string, { links, family }: GuestNetwork) =>
  (links.find(({ ifname }) => ifname === dev)?.addr_info ?? []).filter(
    (entry) => entry.family === familyName(family) && entry.scope === 'global',
  );

function keepFormer(request: VethRequest, former: FormerRoute, network: GuestNetwork): string[] {
  const { family, rules } = network;
  const isDockersLink = ({ ifname }: { ifname: string }) =>
    ifname === former.dev ||
    (ifname !== request.guestInterface &&
      addressesOn(ifname, network).some(({ local }) =>
        request.networks.some(({ addresses }) => local !== undefined && addresses.includes(local)),
      ));
  const own = network.links
    .filter(isDockersLink)
    .flatMap(({ ifname }) => addressesOn(ifname, network).map((entry) => ({ ifname, ...entry })))
    .flatMap(({ ifname, local, prefixlen }) => {
      const subnet = parseCidr(`${local}/${prefixlen}`);
      return subnet === undefined ? [] : [{ ifname, subnet }];
    });
  const sources = own.map(({ subnet }) => subnet.address.text);
  const neighbours = [
    ...own.map(({ subnet }) => subnet),
    ...request.addresses.flatMap((text) => parseCidr(text) ?? []),
  ];
  // By rules, not routes: Docker gives a container no address of a subnet that one of its routes leads into.
  const servers = request.nameservers
    .flatMap((text) => parseIp(text) ?? [])
    .filter((server) => server.family === family && !neighbours.some((subnet) => contains(subnet, server)))
    .map(({ text }) => text);
  const isStale = ({ priority, src, dst }: Rule) =>
    priority === FORMER_PRIORITY && !(dst === undefined ? sources.includes(src) : servers.includes(dst));
  return [
    // With the subnets themselves: an answer from there goes out there, also to an address that the new card has a route to.
    ...own.map(
      ({ ifname, subnet }) => `route replace ${networkOf(subnet)} dev ${ifname} table ${FORMER_TABLE}`,
    ),
    `route replace default ${hop(former)} table ${FORMER_TABLE}`,
    ...rules.filter((rule) => isOurRule(rule) && isStale(rule)).map(deletion),
    ...sources.flatMap((source) =>
      missing(rules, FORMER_PRIORITY, { src: source }, `lookup ${FORMER_TABLE}`),
    ),
    ...servers.flatMap((server) =>
      missing(rules, FORMER_PRIORITY, { dst: server }, `lookup ${FORMER_TABLE}`),
    ),
  ];
}

type Rule = GuestNetwork['rules'][number];

const selector = ({ src, dst }: { src?: string; dst?: string | undefined }) =>
  dst === undefined ? `from ${src}` : `to ${dst}`;

const deletion = (rule: Rule) => `rule del pref ${rule.priority} ${selector(rule)}`;

const missing = (
  rules: readonly Rule[],
  priority: number,
  wanted: { src?: string; dst?: string },
  action: string,
) =>
  rules.some((rule) => rule.priority === priority && selector(rule) === selector(wanted))
    ? []
    : [`rule add pref ${priority} ${selector(wanted)} ${action}`];

/**
 * What is sent under the public address leaves by its card, also while another default route is there, such as one that
 * Docker has just set or a tunnel's; but routes that lead somewhere in particular go first.
 */
function ownRules(
  request: VethRequest,
  gateway: string,
  { family, rules }: GuestNetwork,
  given: Given | undefined,
): string[] {
  const { guestInterface: link } = request;
  const sources = ofFamily(request.addresses, family).flatMap((text) => parseCidr(text)?.address.text ?? []);
  const had = (given?.addresses ?? []).flatMap((text) => parseCidr(text)?.address.text ?? []);
  const isRouteGiven = given?.gateways.includes(gateway) === true;
  const gone = rules.filter(
    (rule) => isOurRule(rule) && rule.priority !== FORMER_PRIORITY && !sources.includes(rule.src),
  );
  return [
    ...(isRouteGiven ? [] : [`route replace default via ${gateway} dev ${link} onlink table ${OWN_TABLE}`]),
    ...gone.map(deletion),
    ...sources
      .filter((source) => !had.includes(source))
      .flatMap((source) => [
        ...missing(rules, OWN_MAIN_PRIORITY, { src: source }, 'lookup main suppress_prefixlength 0'),
        ...missing(rules, OWN_PRIORITY, { src: source }, `lookup ${OWN_TABLE}`),
      ]),
  ];
}

/** A default route by us that the container took off stays off; one that it put back is out of Docker's way again. */
function ownDefault(
  { guestInterface: link }: VethRequest,
  gateway: string,
  network: GuestNetwork,
  given: Given | undefined,
): string[] {
  const { family } = network;
  const present = defaultsIn('main', network).filter(({ dev }) => dev === link);
  const inTheWay = present.filter(({ metric }) => (metric ?? 0) === USUAL_METRIC[family]);
  const isGiven = given?.gateways.includes(gateway) === true;
  if (isGiven && inTheWay.length === 0) return [];
  return [
    `route replace default via ${gateway} dev ${link} onlink metric ${OWN_METRIC[family]}`,
    ...inTheWay.map((route) => `route del default ${hop(route)}${metricOf(route)}`),
  ];
}

/**
 * Addresses of the inner end that nobody asks for any more, such as one that moved on to another container; the first of
 * a subnet last. Those that the container gave itself since are its own.
 */
function surplus(
  link: string,
  wanted: readonly string[],
  network: GuestNetwork,
  given: Given | undefined,
): string[] {
  if (given === undefined && wanted.length === 0) return [];
  const isIn = (list: readonly string[], text: string) =>
    list.some((cidr) => parseCidr(cidr)?.text === parseCidr(text)?.text);
  return addressesOn(link, network)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .filter((text) => parseCidr(text) !== undefined && !isIn(wanted, text))
    .filter((text) => given === undefined || isIn(given.addresses, text))
    .map((text) => `address del ${text} dev ${link}`)
    .reverse();
}

function networkOf(subnet: Cidr): string {
  return `${ipFrom(subnet.address.family, subnetRange(subnet).first).text}/${subnet.prefix}`;
}

/** A priority may be somebody else's as well: ours say one address. */
const isOurRule = ({ priority, src, srclen, dst, dstlen }: Rule) =>
  PRIORITIES.includes(priority) &&
  (dst === undefined
    ? srclen === undefined && parseIp(src) !== undefined
    : src === 'all' && dstlen === undefined && parseIp(dst) !== undefined);

const familyName = (family: 4 | 6) => (family === 4 ? 'inet' : 'inet6');
