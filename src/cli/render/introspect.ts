// The picture of the host's switch: bridges, their ports, whose they are; pure.

import type { NetworkStateView, TopologyView, ValidationView } from '../../api/answers/introspect.ts';
import { printable } from '../printable.ts';
import { cells, fitted, pad, spared, table } from './table.ts';

type PortView = TopologyView['details']['ports'][number];

export interface NamedTopology {
  name: string;
  topology: TopologyView;
}

export function hostPicture(
  state: NetworkStateView,
  bridges: readonly NamedTopology[],
  screen?: number,
): string[] {
  const rows: [string, string][] = [
    ['Open vSwitch', switchLine(state, bridges)],
    ['NetworkManager', networkManagerLine(state)],
    ['uplink', uplinkLine(state)],
    ['internet', internetLine(state)],
  ];
  const width = Math.max(...rows.map(([name]) => cells(name)));
  return [
    ...rows.map(([name, value]) => `${pad(name, width)}  ${printable(value)}`),
    ...bridges.flatMap((bridge) => ['', ...bridgePicture(bridge, screen)]),
  ];
}

/** One line for the bridge, a table of its ports. */
export function bridgePicture({ name, topology }: NamedTopology, screen?: number): string[] {
  const { details, nm_connection: profile } = topology;
  const state = details.active ? 'active' : `NOT ACTIVE: ${details.problem ?? 'the reason is not known'}`;
  const owner = `${details.owner ?? '-'}${profile === '' ? '' : ` (${profile})`}`;
  const driver = details.driver ?? `none: ${details.obstacle ?? 'the reason is not known'}`;
  return [
    printable(`Bridge ${name}: ${state}`),
    printable(`  datapath ${details.datapath_type}, owner ${owner}, driver ${driver}`),
    ...portLines(details.ports, screen === undefined ? undefined : screen - 2).map((line) => `  ${line}`),
  ];
}

/** Whether the bridge is in order, and what is not. */
export function verdictLines({ name, topology }: NamedTopology, validation: ValidationView): string[] {
  const { ports, problem } = topology.details;
  const answers = Object.values(validation.bridge_synchronization);
  const right = answers.filter(Boolean).length;
  const count = answers.length === 0 ? 'no ports' : `${right} of ${answers.length} ports right`;
  if (validation.connectivity_preserved) return [printable(`${name} is in order: ${count}`)];
  const reasons = [
    ...(problem === null ? [] : [problem]),
    ...ports.flatMap((port) => (port.problem === null ? [] : [`${port.port}: ${port.problem}`])),
  ];
  return [printable(`${name} is NOT in order: ${count}`), ...reasons.map((text) => `  ${printable(text)}`)];
}

/** What is wrong with a port has a line of its own where the table leaves no room for it. */
function portLines(ports: readonly PortView[], width: number | undefined): string[] {
  if (ports.length === 0) return ['No ports.'];
  const row = (port: PortView, problem: string | null) => [
    port.port,
    port.guest ?? '-',
    port.runtime ?? '-',
    port.driver ?? '-',
    port.interfaces.join(',') || '-',
    vlanText(port),
    problem ?? (port.operstate === 'down' ? 'link down' : 'ok'),
  ];
  const head = ['PORT', 'GUEST', 'RUNTIME', 'DRIVER', 'DEVICE', 'VLAN', 'STATE'];
  const whole = table([head, ...ports.map((port) => row(port, port.problem))]);
  if (width === undefined || whole.every((line) => cells(line) <= width)) return whole;
  const short = spared([head, ...ports.map((port) => row(port, port.problem && 'WRONG'))], width, [
    'DRIVER',
    'RUNTIME',
  ]);
  return [
    ...fitted(
      short.rows,
      width,
      (short.rows[0] ?? []).map((title) => ['GUEST', 'DEVICE', 'VLAN', 'PORT'].includes(title)),
    ),
    ...ports.flatMap(({ port, problem }) => (problem === null ? [] : [printable(`${port}: ${problem}`)])),
    ...(short.left.length === 0 ? [] : [`No room here for ${short.left.join(', ')}; --json has all.`]),
  ];
}

/** `20` an access port; `20 + 30,40` that also lets tagged ones through; `30,40` a trunk. */
function vlanText({ tag, trunks }: PortView): string {
  const parts = [...(tag === null ? [] : [String(tag)]), ...(trunks.length === 0 ? [] : [trunks.join(',')])];
  return parts.join(' + ') || '-';
}

function switchLine({ ovs_bridges: found }: NetworkStateView, bridges: readonly NamedTopology[]): string {
  if (found === null) return 'NOT connected';
  const version = bridges[0]?.topology.details.ovs_version;
  const count = `${found.length} ${found.length === 1 ? 'bridge' : 'bridges'}`;
  return version ? `${version}, ${count}` : count;
}

function networkManagerLine({ networkmanager: nm }: NetworkStateView): string {
  if (nm.version === null) return nm.state;
  const counts = `${nm.active_connections} of ${nm.total_connections} profiles active, ${nm.devices} devices`;
  return `${nm.version}, ${nm.state}, ${counts}`;
}

function uplinkLine({
  connectivity_status: { default_route: route, uplink_status: link },
}: NetworkStateView) {
  if (route === null || link === null) return 'not known';
  return route === 'none' ? 'none' : `${link}, default route ${route}`;
}

function internetLine({
  connectivity_status: { internet_reachable: reachable, dns_working: dns },
}: NetworkStateView) {
  if (reachable === null) return 'not known: nothing here checks it';
  return `${reachable ? 'reachable' : 'NOT reachable'}${dns === true ? ', names resolve' : ''}`;
}
