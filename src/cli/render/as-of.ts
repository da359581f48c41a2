// The host as the ledger says it was, and what changed between two such moments; pure.

import type { Difference } from '../../core/ledger/as-of/diff.ts';
import { type StateThen, stateJson } from '../../core/ledger/as-of/state.ts';
import type { Json } from '../../core/lib/json.ts';
import { printable, safeJson } from '../printable.ts';
import { fitted } from './table.ts';
import { localTime } from './time.ts';

export function stateLines(state: StateThen, width: number | undefined): string[] {
  const { height, at, agent, bridges, ports, leases, gateways } = stateJson(state);
  const since = (one: { since: number; at: string }) => `${localTime(one.at)} (#${one.since})`;
  const tables: string[][][] = [
    [['BRIDGE', 'DRIVER', 'SINCE'], ...bridges.map((one) => [one.bridge, one.driver ?? '-', since(one)])],
    [
      ['PORT', 'BRIDGE', 'INTERFACE', 'GUEST', 'VMID', 'ADDRESSES', 'SINCE'],
      ...ports.map((one) => [
        one.port,
        one.bridge ?? '-',
        one.interface ?? '-',
        one.guest ?? '-',
        String(one.vmid ?? '-'),
        (one.addresses.length > 0 ? one.addresses : (one.rules?.addresses ?? [])).join(' ') || '-',
        since(one),
      ]),
    ],
    [
      ['ADDRESS', 'GUEST', 'PORT', 'GROUP', 'SINCE'],
      ...leases.map((one) => [one.address, one.guest ?? '-', one.port ?? '-', one.group ?? '-', since(one)]),
    ],
    [
      ['GATEWAY', 'MODE', 'PUBLISHED', 'SINCE'],
      ...gateways.map((one) => [one.bridge, one.mode, one.published.join(' ') || '-', since(one)]),
    ],
  ];
  const held = ports.filter((one) => one.held !== null).map((one) => `${one.port} is held: ${one.held}`);
  const runs = agent && `the agent ${agent.running ? 'runs' : 'does not run'} since ${since(agent)}`;
  return [
    `After block #${height}, ${localTime(at ?? '')}: ${runs ?? 'no agent has started yet'}`,
    ...tables
      .filter((rows) => rows.length > 1)
      .flatMap((rows) => [
        '',
        ...fitted(
          rows,
          width,
          (rows[0] ?? []).map((title) => title !== 'SINCE' && title !== 'PORT'),
        ),
      ]),
    ...(ports.length === 0 ? ['', 'There was no port.'] : []),
    ...held.map(printable),
  ];
}

/** `+` is new, `-` is gone, `~` has changed. */
export function differenceLines(before: StateThen, after: StateThen, found: readonly Difference[]): string[] {
  const head = `From block #${before.height}, ${localTime(before.at ?? '')}, to #${after.height}, ${localTime(after.at ?? '')}:`;
  if (found.length === 0) return [head, 'nothing is different'];
  return [head, ...found.map((one) => printable(differenceLine(one)))];
}

function differenceLine({ what, name, before, after, fields }: Difference): string {
  const title = what === 'agent' ? 'agent' : `${what} ${name}`;
  if (before && after) {
    const changes = fields.map((key) => `${key} ${shown(before[key])} -> ${shown(after[key])}`);
    return `~ ${title}  ${changes.join(', ')}`;
  }
  const one = after ?? before ?? {};
  const words = ['guest', 'bridge', 'interface', 'mode', 'port', 'group', 'running']
    .filter((key) => key !== what && one[key] !== undefined && one[key] !== null && one[key] !== name)
    .map((key) => `${key}=${shown(one[key])}`);
  return `${after ? '+' : '-'} ${title}  ${words.join(' ')}`.trimEnd();
}

function shown(value: Json | undefined): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'string' && /^[^\s"=,]+$/.test(value) ? value : safeJson(value);
}
