// What a container's network namespace needs so that a new default route leaves its former network working; pure.

import { z } from 'zod';
import { type Cidr, contains, ipFrom, parseCidr, parseIp, subnetRange } from '../guest/cidr.ts';
import { kernelNameProblem } from '../guest/kernel-name.ts';
import type { VethRequest } from '../plan/desired.ts';

/** Routing table and priority of rules, inside containers, that are ours: far from what Netmaker and Docker use there. */
export const FORMER_TABLE = 5182;
const FORMER_PRIORITY = 5182;

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

/** A default route by a gateway. */
interface FormerRoute {
  gateway: string;
  dev: string;
}

const tableOf = ({ table }: { table?: string | number | undefined }) => String(table ?? 'main');
const isDefault = ({ dst, type = 'unicast' }: { dst: string; type?: string | undefined }) =>
  dst === 'default' && type === 'unicast';

/**
 * Lines for `ip -batch` that give the inner end its addresses and make it the default route. Answers to what comes in
 * through the former network leave through it (a rule by source address), and so does what asks its name servers: a
 * resolver in the host's network may know no route to a public address.
 */
export function configureLines(request: VethRequest, network: GuestNetwork): string[] {
  const { guestInterface: link } = request;
  const { family } = network;
  const gateway = request.gateways.find((text) => parseIp(text)?.family === family);
  const wanted = request.addresses.filter((text) => parseCidr(text)?.address.family === family);
  // First: the kernel may take all later addresses of a subnet along with its first (promote_secondaries). A container
  // that was given nothing keeps what it set itself.
  const lines = wanted.length > 0 ? surplus(link, wanted, network) : [];
  lines.push(...wanted.map((text) => `address replace ${text} dev ${link}${family === 6 ? ' nodad' : ''}`));
  if (gateway === undefined) return lines;
  const former = formerRoute(link, network);
  if (former !== undefined) lines.push(...keepFormer(request, former, network));
  const others = network.routes.filter(
    (route) => isDefault(route) && tableOf(route) === 'main' && route.dev !== undefined && route.dev !== link,
  );
  // `replace` takes the place of a route with the same metric only: 0 for IPv4, 1024 for IPv6 when none is said.
  lines.push(`route replace default via ${gateway} dev ${link} onlink`);
  for (const { gateway: via, dev, metric } of others) {
    const isReplaced = metric === undefined || (family === 6 && metric === 1024);
    if (via === undefined || isReplaced) continue;
    lines.push(`route del default via ${via} dev ${dev}${metric === undefined ? '' : ` metric ${metric}`}`);
  }
  return lines;
}

/** Lines for `ip -batch` that give the former network its default route back and take out all that is ours. */
export function releaseLines(request: VethRequest, network: GuestNetwork): string[] {
  const { guestInterface: link, nameservers } = request;
  const former = formerRoute(link, network);
  const lines = rulesOfOurs(network).map(
    ({ priority, src, table }) => `rule del pref ${priority} from ${src} lookup ${tableOf({ table })}`,
  );
  if (former === undefined) return lines;
  for (const server of nameservers) {
    const kept = network.routes.some(
      ({ dst, gateway, dev }) => dst === server && gateway === former.gateway && dev === former.dev,
    );
    if (kept) lines.push(`route del ${server} via ${former.gateway} dev ${former.dev}`);
  }
  lines.push(`route replace default via ${former.gateway} dev ${former.dev}`);
  lines.push(`route flush table ${FORMER_TABLE}`);
  return lines;
}

/** The default route that Docker gave the container: where it is now, or in the table that we put it into. */
function formerRoute(link: string, { routes }: GuestNetwork): FormerRoute | undefined {
  const found = (table: string) =>
    routes.find(
      (route) =>
        isDefault(route) && tableOf(route) === table && route.gateway !== undefined && route.dev !== link,
    );
  const route = found(String(FORMER_TABLE)) ?? found('main');
  const { gateway, dev } = route ?? {};
  return gateway === undefined || dev === undefined || parseIp(gateway) === undefined
    ? undefined
    : { gateway, dev };
}

function keepFormer(request: VethRequest, former: FormerRoute, network: GuestNetwork): string[] {
  const { family, links, rules } = network;
  const info = links.find(({ ifname }) => ifname === former.dev)?.addr_info ?? [];
  const own = info.filter((entry) => entry.family === familyName(family) && entry.scope === 'global');
  const onLink = own.flatMap(({ local, prefixlen }) => parseCidr(`${local}/${prefixlen}`) ?? []);
  const lines = [
    // With the subnet itself: an answer from there goes out there, also to an address that the new card has a route to.
    ...onLink.map((subnet) => `route replace ${networkOf(subnet)} dev ${former.dev} table ${FORMER_TABLE}`),
    `route replace default via ${former.gateway} dev ${former.dev} table ${FORMER_TABLE}`,
  ];
  const has = (src: string) => rules.some((rule) => rule.priority === FORMER_PRIORITY && rule.src === src);
  for (const { local } of own) {
    if (local === undefined || parseIp(local) === undefined || has(local)) continue;
    lines.push(`rule add pref ${FORMER_PRIORITY} from ${local} lookup ${FORMER_TABLE}`);
  }
  const ours = request.addresses.flatMap((text) => parseCidr(text) ?? []);
  for (const server of request.nameservers) {
    const address = parseIp(server);
    if (address?.family !== family) continue;
    if ([...onLink, ...ours].some((subnet) => contains(subnet, address))) continue;
    lines.push(`route replace ${address.text} via ${former.gateway} dev ${former.dev}`);
  }
  return lines;
}

/**
 * Addresses of the inner end that nobody asks for any more, such as one that moved on to another container; the first of
 * a subnet last.
 */
function surplus(link: string, wanted: readonly string[], { family, links }: GuestNetwork): string[] {
  const info = links.find(({ ifname }) => ifname === link)?.addr_info ?? [];
  const isWanted = (text: string) => wanted.some((cidr) => parseCidr(cidr)?.text === parseCidr(text)?.text);
  return info
    .filter((entry) => entry.family === familyName(family) && entry.scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .filter((text) => parseCidr(text) !== undefined && !isWanted(text))
    .map((text) => `address del ${text} dev ${link}`)
    .reverse();
}

function networkOf(subnet: Cidr): string {
  return `${ipFrom(subnet.address.family, subnetRange(subnet).first).text}/${subnet.prefix}`;
}

const rulesOfOurs = ({ rules }: GuestNetwork) =>
  rules.filter(({ priority, src }) => priority === FORMER_PRIORITY && parseIp(src) !== undefined);

const familyName = (family: 4 | 6) => (family === 4 ? 'inet' : 'inet6');
