// The guests of this host as a table, or for programs; pure. One choice and one order of rows for every format.

import type { GuestRow } from '../../api/answers/guests.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { nearName } from '../../core/lib/near-name.ts';
import { printable, safeJson } from '../printable.ts';
import { csv } from './csv.ts';
import { compactSize } from './quantity.ts';
import { fitted } from './table.ts';
import { sameTimes } from './time.ts';
import { yaml } from './yaml.ts';

export const STATES = ['attached', 'unknown', 'waiting', 'held', 'skipped', 'unattached'] as const;
export const FORMATS = ['table', 'wide', 'json', 'yaml', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

export interface Choice {
  all?: boolean;
  bridge?: string;
  runtime?: string;
  state?: string;
  guest?: string;
}

/** Unless asked for more, only what has a port, or had one as far as is known; whoever asks for a state or a guest means all of them. */
export function chosen(rows: readonly GuestRow[], choice: Choice): GuestRow[] {
  const { all, bridge, runtime, state, guest } = choice;
  const isAll = all === true || state !== undefined || guest !== undefined;
  const found = rows.filter(
    (row) =>
      (isAll || row.state === 'attached' || row.state === 'unknown') &&
      (bridge === undefined || row.bridge === bridge) &&
      (runtime === undefined || row.runtime === runtime) &&
      (state === undefined || row.state === state) &&
      (guest === undefined || isGuest(row, guest)),
  );
  return found.sort(inOrder);
}

/** By VMID and NIC; then those without a number, by runtime and name. */
function inOrder(a: GuestRow, b: GuestRow): number {
  const last = Number.MAX_SAFE_INTEGER;
  const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
  return (
    (a.vmid ?? last) - (b.vmid ?? last) ||
    (a.nic ?? 0) - (b.nic ?? 0) ||
    compare(a.runtime, b.runtime) ||
    compare(a.guest, b.guest)
  );
}

/** By port, VMID, name, or the first digits of Docker's id. */
export function isGuest({ port, vmid, guest, id, interface: link }: GuestRow, wanted: string): boolean {
  if ([port, guest, link, vmid === null ? undefined : String(vmid)].includes(wanted)) return true;
  return /^[0-9a-f]{12,64}$/.test(wanted) && id?.startsWith(wanted) === true;
}

const TITLES = {
  port: 'PORT',
  guest: 'GUEST',
  vmid: 'VMID',
  nic: 'NIC',
  runtime: 'RUNTIME',
  bridge: 'BRIDGE',
  interface: 'DEVICE',
  driver: 'DRIVER',
  since: 'SINCE',
  row: 'IN OVS AS',
  address: 'ADDRESS',
  mac: 'MAC',
  vlan: 'VLAN',
  ofport: 'OFPORT',
  mtu: 'MTU',
  rx: 'RX',
  tx: 'TX',
  state: 'STATE',
  health: 'HEALTH',
  reason: 'REASON',
} as const;
export type Column = keyof typeof TITLES;
export const COLUMNS = Object.keys(TITLES) as Column[];

/** `mac,vlan`: alone, or with a plus before it beside the usual ones. */
export function parseColumns(text: string): { names: Column[]; more: boolean } {
  const more = text.startsWith('+');
  const names = (more ? text.slice(1) : text).split(',').map((word) => {
    const name = word.trim().toLowerCase();
    if (Object.hasOwn(TITLES, name)) return name as Column;
    const near = nearName(name, COLUMNS);
    const hint = near === undefined ? `there are ${COLUMNS.join(', ')}` : `did you mean ${near}?`;
    throw new AgentError('bad-argument', `There is no column ${JSON.stringify(name.slice(0, 40))}; ${hint}`);
  });
  return { names: [...new Set(names)], more };
}

/** The columns of people's table: what nobody has anything in is left out. */
function usual(rows: readonly GuestRow[], all: boolean): Column[] {
  const has = (test: (row: GuestRow) => unknown) => rows.some((row) => Boolean(test(row)));
  if (all) return ['port', 'guest', 'vmid', 'runtime', 'bridge', 'state', 'reason'];
  return [
    'port',
    'guest',
    'vmid',
    'runtime',
    'bridge',
    'driver',
    'since',
    ...(has(({ row, port }) => row !== undefined && row !== port) ? (['row'] as const) : []),
    ...(has(({ address }) => address) ? (['address'] as const) : []),
    ...(has(({ health }) => health && health !== 'ok') ? (['health'] as const) : []),
  ];
}

export interface TableSpec {
  format: Format;
  all: boolean;
  columns?: { names: Column[]; more: boolean };
  /** Columns of the terminal. */
  width: number | undefined;
  now: Date;
}

export type ToneLine = readonly [line: string, tone?: 'bad'];

export function guestLines(rows: readonly GuestRow[], spec: TableSpec): ToneLine[] {
  const { format, columns } = spec;
  if (format === 'json' || format === 'yaml' || format === 'csv') {
    const names = columns && !columns.more ? columns.names : undefined;
    const records = names
      ? rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name] ?? null])))
      : rows;
    if (format === 'json') return [[safeJson(records, 2)]];
    if (format === 'yaml') return yaml(records).map((line) => [line]);
    return csv(names ?? COLUMNS, rows).map((line) => [line]);
  }
  if (rows.length === 0) {
    return [[spec.all ? 'No guest runs.' : 'No ports. A guest gets one when it starts.']];
  }
  const base = format === 'wide' ? COLUMNS : usual(rows, spec.all);
  const names =
    columns === undefined ? base : columns.more ? [...new Set([...base, ...columns.names])] : columns.names;
  const time = sameTimes(
    rows.flatMap(({ since }) => since ?? []),
    spec.now,
  );
  const cellsOf = (row: GuestRow) => names.map((name) => cell(row, name, time));
  const lines = fitted(
    [names.map((name) => TITLES[name]), ...rows.map(cellsOf)],
    format === 'wide' ? undefined : spec.width,
    names.map((name) => ['guest', 'reason', 'health', 'address', 'bridge', 'runtime'].includes(name)),
  );
  return lines.map((line, at) => (isBad(rows[at - 1]) ? [line, 'bad'] : [line]));
}

function cell(row: GuestRow, name: Column, time: (instant: string) => string): string {
  const value = name === 'row' ? (row.row ?? row.port) : row[name];
  if (value === undefined || value === null || value === '') return '-';
  if (name === 'since') return time(String(value));
  if ((name === 'rx' || name === 'tx') && typeof value === 'number') return compactSize(value);
  return String(value);
}

function isBad(row: GuestRow | undefined): boolean {
  if (row === undefined) return false;
  return row.state === 'waiting' || row.state === 'held' || (row.health ?? 'ok') !== 'ok';
}

/** What the usual table does not show and somebody should know. */
export function hiddenNote(rows: readonly GuestRow[]): string | undefined {
  const waiting = rows.filter(({ state }) => state === 'waiting' || state === 'held').length;
  if (waiting === 0) return undefined;
  return printable(
    `${waiting} more ${waiting === 1 ? 'waits' : 'wait'} for a port: ovs-port-agent list --all`,
  );
}
