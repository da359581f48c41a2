// Rules and tables of ours inside a container: its former network goes on working beside a new default route; pure.

import { type Cidr, contains, ipFrom, parseCidr, parseIp, subnetRange } from '../lib/cidr.ts';
import { addressesOn, type FormerRoute, type GuestNetwork, hop, ofFamily } from './namespace-network.ts';
import type { VethRequest } from './veth-request.ts';

/** Tables and priorities of rules, inside containers, that are ours: far from what Netmaker and Docker use there. */
export const FORMER_TABLE = 5182;
export const OWN_TABLE = 5183;
const FORMER_PRIORITY = 5182;
const OWN_MAIN_PRIORITY = 5183;
const OWN_PRIORITY = 5184;
const PRIORITIES: readonly number[] = [FORMER_PRIORITY, OWN_MAIN_PRIORITY, OWN_PRIORITY];

/** What an inner end was given before: all else about it is the container's own doing. */
export interface Given {
  addresses: readonly string[];
  gateways: readonly string[];
}

export function keepFormer(request: VethRequest, former: FormerRoute, network: GuestNetwork): string[] {
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
    // With the subnets themselves: an answer from there goes out there, also to an address that the new NIC has a route to.
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

export const deletion = (rule: Rule) => `rule del pref ${rule.priority} ${selector(rule)}`;

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
 * What is sent under the public address leaves by its NIC, also while another default route is there, such as one that
 * Docker has just set or a tunnel's; but routes that lead somewhere in particular go first.
 */
export function ownRules(
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

function networkOf(subnet: Cidr): string {
  return `${ipFrom(subnet.address.family, subnetRange(subnet).first).text}/${subnet.prefix}`;
}

/** A priority may be somebody else's as well: ours say one address. */
export const isOurRule = ({ priority, src, srclen, dst, dstlen }: Rule) =>
  PRIORITIES.includes(priority) &&
  (dst === undefined
    ? srclen === undefined && parseIp(src) !== undefined
    : src === 'all' && dstlen === undefined && parseIp(dst) !== undefined);
