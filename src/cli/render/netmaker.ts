// The table of Netmaker containers; pure.

import type { ContainerReport } from '../../netmaker/report.ts';
import { compactSize, durationText } from './quantity.ts';
import { fitted, spared, table } from './table.ts';

/** Seconds that a WireGuard session lasts after its handshake (REJECT_AFTER_TIME). */
const FRESH_S = 180;

const HEAD = [
  'CONTAINER',
  'ROLE',
  'PORT',
  'ADDRESS',
  'STATE',
  'HEALTH',
  'PEERS',
  'HANDSHAKE',
  'RX/TX',
  'SPOOFED',
];
/** What goes first where the terminal is narrow. */
const SPARE = ['RX/TX', 'HANDSHAKE', 'ROLE', 'SPOOFED'];
const SHRINKS = ['CONTAINER', 'ADDRESS', 'GROUP'];

/**
 * Those with a port, or that should have one, then who has none and why; with `all` also containers that are not of
 * Netmaker. PEERS is how many have a session out of all; HANDSHAKE the age of the latest.
 */
export function netmakerTable(
  reports: readonly ContainerReport[],
  { all = false, width }: { all?: boolean; width?: number | undefined } = {},
): string[] {
  const shown = reports
    .filter(({ decision }) => all || decision !== 'not-netmaker')
    .sort((a, b) => (a.container < b.container ? -1 : a.container > b.container ? 1 : 0));
  const mine = shown.filter(({ decision }) => decision === 'attached' || decision === 'waiting');
  const others = shown.filter(({ decision }) => decision !== 'attached');
  if (shown.length === 0) return ['No Netmaker containers. All others: ovs-port-agent netmaker list --all'];
  return [
    ...(mine.length > 0 ? containerTable(mine, width) : []),
    ...mine.filter((report) => report.wireguard_left_out > 0).map(leftOutLine),
    ...(mine.length > 0 && others.length > 0 ? [''] : []),
    ...(others.length > 0 ? ['Not attached:', ...reasonLines(others)] : []),
  ];
}

function containerTable(reports: readonly ContainerReport[], width: number | undefined): string[] {
  const withGroup = reports.some(({ group }) => group !== null);
  const rows = reports.map((report) => [
    report.container,
    report.role ?? '-',
    report.port ?? '-',
    listOf(report.addresses),
    report.decision,
    report.health === 'none' ? '-' : report.health,
    ...meshCells(report),
    report.spoofed === null ? '-' : String(spoofedSum(report.spoofed)),
    ...(withGroup ? [groupCell(report)] : []),
  ]);
  const head = [...HEAD, ...(withGroup ? ['GROUP'] : [])];
  const found = spared([head, ...rows], width, SPARE);
  const titles = found.rows[0] ?? [];
  const lines = fitted(
    found.rows,
    width,
    titles.map((title) => SHRINKS.includes(title)),
  );
  if (found.left.length === 0) return lines;
  return [...lines, `No room here for ${found.left.join(', ')}; --json has all.`];
}

function leftOutLine({ container, wireguard, wireguard_left_out: more }: ContainerReport): string {
  const all = wireguard.length + more;
  return `${container} has ${all} WireGuard interfaces; only ${wireguard.length} of them are looked at.`;
}

function reasonLines(reports: readonly ContainerReport[]): string[] {
  return table(reports.map(({ container, decision, reason }) => [`  ${container}`, decision, reason]));
}

/** PEERS, HANDSHAKE and RX/TX over all its interfaces. */
function meshCells({ wireguard }: ContainerReport): [string, string, string] {
  if (wireguard.length === 0) return ['-', '-', '-'];
  const peers = wireguard.flatMap((entry) => entry.peers);
  const ages = peers.map((peer) => peer.handshake_age).filter((age) => age !== null);
  const live = ages.filter((age) => age <= FRESH_S).length;
  const latest = ages.length === 0 ? 'never' : `${durationText(Math.min(...ages))} ago`;
  const sum = (of: 'rx' | 'tx') => compactSize(peers.reduce((bytes, peer) => bytes + peer[of], 0));
  return [`${live}/${peers.length}`, peers.length === 0 ? '-' : latest, `${sum('rx')}/${sum('tx')}`];
}

function spoofedSum({ mac, arp, nd, ipv4, ipv6 }: NonNullable<ContainerReport['spoofed']>): number {
  return mac + arp + nd + ipv4 + ipv6;
}

function groupCell({ group }: ContainerReport): string {
  if (group === null) return '-';
  return group.holder ? `${group.name}: has ${listOf(group.addresses)}` : group.name;
}

function listOf(addresses: readonly string[]): string {
  return addresses.length === 0 ? '-' : addresses.join(',');
}
