// What a container's network namespace needs so that a new default route leaves its former network working; pure.

import { parseCidr, parseIp } from '../lib/cidr.ts';
import {
  deletion,
  FORMER_TABLE,
  type Given,
  isOurRule,
  keepFormer,
  OWN_TABLE,
  ownRules,
} from './guest-rules.ts';
import {
  addressesOn,
  defaultsIn,
  type Family,
  type FormerRoute,
  type GuestNetwork,
  hop,
  metricOf,
  ofFamily,
  tableOf,
} from './namespace-network.ts';
import type { VethRequest } from './veth-request.ts';

export type { GuestNetwork } from './namespace-network.ts';

/**
 * Metric of our default route. Docker, and most others, add theirs without one, which is the second here, and the kernel
 * refuses a second route of the same metric; so each of their commands works, and what it sets comes before ours.
 */
const OWN_METRIC = { 4: 1, 6: 1025 } as const;
const USUAL_METRIC = { 4: 0, 6: 1024 } as const;

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
  const desired = ofFamily(request.addresses, family);
  // First: the kernel may take all later addresses of a subnet along with its first (promote_secondaries). A container
  // that was given nothing keeps what it set itself.
  const lines = surplus(link, desired, network, given);
  lines.push(
    ...desired
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

const gatewayOf = ({ gateways }: VethRequest | Given, family: Family) =>
  gateways.find((text) => parseIp(text)?.family === family);

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
  desired: readonly string[],
  network: GuestNetwork,
  given: Given | undefined,
): string[] {
  if (given === undefined && desired.length === 0) return [];
  const isIn = (list: readonly string[], text: string) =>
    list.some((cidr) => parseCidr(cidr)?.text === parseCidr(text)?.text);
  return addressesOn(link, network)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .filter((text) => parseCidr(text) !== undefined && !isIn(desired, text))
    .filter((text) => given === undefined || isIn(given.addresses, text))
    .map((text) => `address del ${text} dev ${link}`)
    .reverse();
}
