// The OpenFlow rules of one port, from what it may send and receive.

import { meterId } from './meters.ts';
import { ADMIT, ALLOW, SOURCE, TABLE, TOWARDS, ZONE } from './pipeline.ts';
import { addressesOf, checkedPort, linkLocalOf, type SecuredPort } from './port.ts';
import { allowsAll, serviceMatches } from './services.ts';

const MULTICAST = '01:00:00:00:00:00/01:00:00:00:00:00';
/** A frame without a VLAN tag. */
const UNTAGGED = 'dl_vlan=0xffff';
const ND_SOLICITATION = 'icmp6,icmp_type=135';
const ND_ADVERTISEMENT = 'icmp6,icmp_type=136';
/** Router advertisement, redirect (RFC 4861): a guest is no router of its neighbours. */
const ROUTER_TYPES = [134, 137] as const;
/** Report, done, report of version 2 (RFC 2710, RFC 3810): sent from `::` before there is an address. */
const MLD_TYPES = [131, 132, 143] as const;
const NO_OPTION = '00:00:00:00:00:00';
const TRACK = `ct(table=${TABLE.allow},zone=${ZONE})`;
const COMMIT = `ct(commit,zone=${ZONE})`;
/** Set on what a port with a firewall sends, so that the answers are known when they come. */
const TRACKED = 'reg0=0x1';

interface Flow {
  table: number;
  priority: number;
  match: string;
  actions: string;
}

/**
 * All flows of the port, in no particular order, without cookies. They name no other secured port, so that ports come
 * and go without touching each other's. Throws `bad-argument` for values that cannot be in a flow.
 *
 * - Table 0 takes frames of the port, and frames of others that pretend to be of it. What the host sends to the
 *   port's MAC goes to the port directly: the host's firewall has seen it, and nothing is tracked.
 * - `source` lets pass what has the port's own addresses, by protocol, and drops and counts the rest.
 * - `towards` delivers to secured ports by their MAC, so that nothing for one of them is ever flooded; `allow`, behind
 *   connection tracking, decides what a neighbour may open. All else is left to NORMAL.
 *
 * IP multicast and broadcast of a guest reach the host and the uplink only: to the neighbours they would be a way
 * around `allowIn`. Fragments of ICMPv6 pass although a router advertisement could hide in them: RFC 6980 has every
 * receiver ignore those.
 *
 * What unguarded ports do (VMs, an uplink) is theirs, but they cannot send as a guarded MAC, nor answer ARP and ND for
 * a guarded address. Their IP source addresses are not looked at: it would make one datapath flow per remote address
 * of an uplink, and the answers do not reach them anyway.
 */
export function flowsOf(port: SecuredPort): string[] {
  const checked = checkedPort(port);
  return [...admission(checked), ...source(checked), ...towards(checked), ...allow(checked)].map(textOf);
}

/** What the host sends to all. NORMAL no longer reaches isolated ports, so they are named. */
export function hostMulticastFlow(isolated: readonly number[]): string {
  const outputs = [...isolated].sort((a, b) => a - b).map((ofport) => `output:${ofport}`);
  return textOf({
    table: TABLE.admission,
    priority: ADMIT.hostMulticast,
    match: `in_port=LOCAL,dl_dst=${MULTICAST}`,
    actions: ['NORMAL', ...outputs].join(','),
  });
}

function textOf({ table, priority, match, actions }: Flow): string {
  return `table=${table},priority=${priority},${match},actions=${actions}`;
}

function admission(port: SecuredPort): Flow[] {
  const { ofport, uplink, portSecurity } = port;
  const at = (priority: number, match: string, actions: string): Flow => ({
    table: TABLE.admission,
    priority,
    match,
    actions,
  });
  const { mac } = portSecurity;
  const out = portSecurity.rateOut === undefined ? '' : `meter:${meterId(ofport, 'out')},`;
  const flows = [
    at(ADMIT.own, `in_port=${ofport},dl_src=${mac},${UNTAGGED}`, `${out}goto_table:${TABLE.source}`),
    at(ADMIT.ownTagged, `in_port=${ofport},dl_src=${mac}`, 'drop'),
    at(ADMIT.ownOther, `in_port=${ofport}`, 'drop'),
    at(ADMIT.fromHost, `in_port=LOCAL,dl_dst=${mac},${UNTAGGED}`, deliver(port)),
    at(ADMIT.asMac, `dl_src=${mac}`, 'drop'),
    ...addressesOf(portSecurity, 4).map((address) => at(ADMIT.asArp, `arp,arp_spa=${address}`, 'drop')),
    ...ownV6(port).map((address) =>
      at(ADMIT.asNd, `${ND_ADVERTISEMENT},icmp_code=0,nd_target=${address}`, 'drop'),
    ),
  ];
  if (uplink !== undefined) {
    flows.push(
      at(ADMIT.fromUplink, `in_port=${uplink},dl_dst=${mac},${UNTAGGED}`, `goto_table:${TABLE.towards}`),
    );
    if (isFiltered(port))
      flows.push(...hiddenUnicast(port).map((match) => at(ADMIT.fromUplinkMulticast, match, 'drop')));
  }
  if (portSecurity.isolate) flows.push(at(ADMIT.fromOthers, `dl_dst=${mac}`, 'drop'));
  else if (portSecurity.rateIn !== undefined)
    flows.push(at(ADMIT.fromOthers, `dl_dst=${mac}`, `meter:${meterId(ofport, 'in')},NORMAL`));
  return flows;
}

/** Packets to the port's address in a multicast frame, which Linux accepts as if they were for the NIC alone. */
function hiddenUnicast({ uplink, portSecurity }: SecuredPort): string[] {
  const from = `in_port=${uplink},dl_dst=${MULTICAST}`;
  return [
    ...addressesOf(portSecurity, 4).map((address) => `${from},ip,nw_dst=${address}`),
    ...addressesOf(portSecurity, 6).map((address) => `${from},ipv6,ipv6_dst=${address}`),
  ];
}

function source(port: SecuredPort): Flow[] {
  const { ofport, portSecurity } = port;
  const { mac } = portSecurity;
  const pass = `${isFiltered(port) ? 'load:0x1->NXM_NX_REG0[],' : ''}goto_table:${TABLE.towards}`;
  const at = (priority: number, match: string, actions: string): Flow => ({
    table: TABLE.source,
    priority,
    match: match === '' ? `in_port=${ofport}` : `in_port=${ofport},${match}`,
    actions,
  });
  const v6 = ownV6(port);
  return [
    ...addressesOf(portSecurity, 4).flatMap((address) => [
      // A probe (RFC 5227 2.1.1) asks for the port's own address only, or it could keep others from taking theirs.
      at(SOURCE.arp, `arp,arp_op=1,arp_sha=${mac},arp_spa=0.0.0.0,arp_tpa=${address}`, pass),
      at(SOURCE.arp, `arp,arp_op=1,arp_sha=${mac},arp_spa=${address}`, pass),
      at(SOURCE.arp, `arp,arp_op=2,arp_sha=${mac},arp_spa=${address}`, pass),
      at(SOURCE.ip, `ip,nw_src=${address}`, pass),
    ]),
    at(SOURCE.arpDrop, 'arp', 'drop'),
    at(SOURCE.ipDrop, 'ip', 'drop'),
    // Open vSwitch reads a malformed ND message, as one with an option twice, as target `::` without options.
    at(SOURCE.ndInvalid, `${ND_SOLICITATION},icmp_code=0,nd_target=::`, 'drop'),
    ...v6.flatMap((address) => [
      at(
        SOURCE.nd,
        `${ND_SOLICITATION},icmp_code=0,ipv6_src=::,nd_target=${address},nd_sll=${NO_OPTION}`,
        pass,
      ),
      at(SOURCE.nd, `${ND_SOLICITATION},icmp_code=0,ipv6_src=${address},nd_sll=${mac}`, pass),
      at(SOURCE.nd, `${ND_SOLICITATION},icmp_code=0,ipv6_src=${address},nd_sll=${NO_OPTION}`, pass),
      ...v6.flatMap((target) => {
        const own = `${ND_ADVERTISEMENT},icmp_code=0,ipv6_src=${address},nd_target=${target}`;
        return [
          at(SOURCE.nd, `${own},nd_tll=${mac}`, pass),
          at(SOURCE.nd, `${own},nd_tll=${NO_OPTION}`, pass),
        ];
      }),
      at(SOURCE.ip, `ipv6,ipv6_src=${address}`, pass),
    ]),
    ...[135, 136, ...ROUTER_TYPES].map((type) => at(SOURCE.ndDrop, `icmp6,icmp_type=${type}`, 'drop')),
    ...MLD_TYPES.map((type) => at(SOURCE.ip, `icmp6,icmp_type=${type},ipv6_src=::`, pass)),
    at(SOURCE.ipDrop - 1, 'ipv6', 'drop'),
    at(SOURCE.other, '', 'drop'),
  ];
}

function towards(port: SecuredPort): Flow[] {
  const { ofport, uplink, portSecurity } = port;
  const { mac, isolate } = portSecurity;
  const at = (priority: number, match: string, actions: string): Flow => ({
    table: TABLE.towards,
    priority,
    match,
    actions,
  });
  const tracksOutside = isFiltered(port) && uplink !== undefined;
  const from = `in_port=${ofport}`;
  const leaving = isolate
    ? [
        ...(tracksOutside
          ? [at(TOWARDS.isolatedIp, `${from},ip`, TRACK), at(TOWARDS.isolatedIp, `${from},ipv6`, TRACK)]
          : []),
        at(TOWARDS.isolated, from, exit(port)),
      ]
    : [
        at(TOWARDS.multicastNd, `${from},${ND_SOLICITATION},dl_dst=${MULTICAST}`, 'NORMAL'),
        at(TOWARDS.multicastNd, `${from},${ND_ADVERTISEMENT},dl_dst=${MULTICAST}`, 'NORMAL'),
        at(TOWARDS.multicastIp, `${from},ip,dl_dst=${MULTICAST}`, gatewaysOf(port)),
        at(TOWARDS.multicastIp, `${from},ipv6,dl_dst=${MULTICAST}`, gatewaysOf(port)),
        ...(tracksOutside
          ? [at(TOWARDS.outsideIp, `${from},ip`, TRACK), at(TOWARDS.outsideIp, `${from},ipv6`, TRACK)]
          : []),
        at(TOWARDS.outside, from, 'NORMAL'),
      ];
  const to = isolate ? `in_port=${uplink},dl_dst=${mac}` : `dl_dst=${mac}`;
  const tracked = isFiltered(port) ? to : `${TRACKED},${to}`;
  const arriving = [
    at(TOWARDS.nd, `${to},${ND_SOLICITATION}`, deliver(port)),
    at(TOWARDS.nd, `${to},${ND_ADVERTISEMENT}`, deliver(port)),
    at(TOWARDS.ip, `${tracked},ip`, TRACK),
    at(TOWARDS.ip, `${tracked},ipv6`, TRACK),
    at(TOWARDS.any, to, deliver(port)),
  ];
  return [
    ...leaving,
    ...(isolate && uplink === undefined ? [] : arriving),
    ...(isolate ? [at(TOWARDS.refused, `dl_dst=${mac}`, 'drop')] : []),
  ];
}

/** Behind connection tracking: what is `+est` or `+rel` was allowed when it began. */
function allow(port: SecuredPort): Flow[] {
  const { ofport, uplink, portSecurity } = port;
  const at = (priority: number, match: string, actions: string): Flow => ({
    table: TABLE.allow,
    priority,
    match,
    actions,
  });
  const to = `dl_dst=${portSecurity.mac}`;
  const openings = serviceMatches(portSecurity.allowIn).map((match) =>
    at(ALLOW.opened, `ct_state=+trk+new-inv,${to},${match}`, committed(port, deliver(port))),
  );
  const arriving = [
    at(ALLOW.established, `ct_state=+trk+est-inv,${to}`, deliver(port)),
    at(ALLOW.related, `ct_state=+trk+rel-inv,${to}`, deliver(port)),
    ...openings,
    // Without a filter of its own a port gets also what cannot be tracked.
    at(ALLOW.refused, to, isFiltered(port) ? 'drop' : deliver(port)),
  ];
  if (uplink === undefined || !isFiltered(port)) return arriving;
  const [first, rest] = portSecurity.isolate
    ? [ALLOW.isolatedNew, ALLOW.isolated]
    : [ALLOW.outsideNew, ALLOW.outside];
  return [
    ...arriving,
    at(first, `ct_state=+trk+new-inv,in_port=${ofport},ip`, `${COMMIT},${exit(port)}`),
    at(first, `ct_state=+trk+new-inv,in_port=${ofport},ipv6`, `${COMMIT},${exit(port)}`),
    at(rest, `in_port=${ofport}`, exit(port)),
  ];
}

function isFiltered({ portSecurity }: SecuredPort): boolean {
  return !allowsAll(portSecurity.allowIn);
}

function ownV6({ portSecurity }: SecuredPort): string[] {
  return [...new Set([...addressesOf(portSecurity, 6), linkLocalOf(portSecurity.mac)])];
}

/** Where a guest's frames leave to when they are not for a secured port. */
function exit(port: SecuredPort): string {
  return port.portSecurity.isolate ? gatewaysOf(port) : 'NORMAL';
}

function gatewaysOf({ uplink }: SecuredPort): string {
  return uplink === undefined ? 'LOCAL' : `LOCAL,output:${uplink}`;
}

/** To the guest, within its rate. */
function deliver({ ofport, portSecurity }: SecuredPort): string {
  const meter = portSecurity.rateIn === undefined ? '' : `meter:${meterId(ofport, 'in')},`;
  return `${meter}output:${ofport}`;
}

/** A meter is an instruction and stands first. */
function committed({ ofport, portSecurity }: SecuredPort, delivery: string): string {
  if (portSecurity.rateIn === undefined) return `${COMMIT},${delivery}`;
  return `meter:${meterId(ofport, 'in')},${COMMIT},output:${ofport}`;
}
