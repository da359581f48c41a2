// The fault matrix as a table: who fails, how, and what the agent is doing at that moment.

export const VICTIMS = [
  'agent',
  'NetworkManager',
  'ovsdb-server',
  'ovs-vswitchd',
  'dockerd',
  'dbus-daemon',
  'hook',
  'disk',
  'slow OVSDB',
  'slow Docker',
] as const;
export type Victim = (typeof VICTIMS)[number];

/** `freeze`: it stands still (SIGSTOP) and goes on later. `restart`: by systemd, in order. */
export type Fault = 'kill' | 'freeze' | 'restart';
export type Moment = 'idle' | 'attaching' | 'detaching' | 'reconciling';

export interface Cell {
  victim: Victim;
  fault: Fault;
  moment: Moment;
}

const MOMENTS: readonly Moment[] = ['idle', 'attaching', 'detaching', 'reconciling'];

/** What can happen to whom: a hook is there while a guest starts or ends, and nobody restarts a disk. */
const FAULTS: Readonly<Record<Victim, readonly Fault[]>> = {
  agent: ['kill', 'freeze', 'restart'],
  NetworkManager: ['kill', 'freeze', 'restart'],
  'ovsdb-server': ['kill', 'freeze', 'restart'],
  'ovs-vswitchd': ['kill', 'freeze', 'restart'],
  dockerd: ['kill', 'freeze', 'restart'],
  'dbus-daemon': ['kill', 'freeze', 'restart'],
  hook: ['kill', 'freeze'],
  // Full while it "stands still".
  disk: ['freeze'],
  // Each answer comes late by some seconds.
  'slow OVSDB': ['freeze'],
  'slow Docker': ['freeze'],
};

export const ALL: readonly Cell[] = VICTIMS.flatMap((victim) =>
  FAULTS[victim].flatMap((fault) =>
    MOMENTS.filter((moment) => victim !== 'hook' || moment === 'attaching' || moment === 'detaching').map(
      (moment): Cell => ({ victim, fault, moment }),
    ),
  ),
);

const is =
  (victim: Victim, fault: Fault, moment: Moment) =>
  (cell: Cell): boolean =>
    cell.victim === victim && cell.fault === fault && cell.moment === moment;

/** For every run of the tests: one cell for each daemon whose failures come right every time. */
export const SHORT: readonly Cell[] = ALL.filter((cell) =>
  [
    is('agent', 'kill', 'attaching'),
    is('NetworkManager', 'kill', 'idle'),
    is('ovsdb-server', 'restart', 'reconciling'),
    is('ovs-vswitchd', 'kill', 'attaching'),
    is('dockerd', 'restart', 'idle'),
    is('dbus-daemon', 'restart', 'attaching'),
    is('hook', 'kill', 'attaching'),
  ].some((wanted) => wanted(cell)),
);

export const nameOf = ({ victim, fault, moment }: Cell): string => `${victim}, ${fault}, ${moment}`;

/** A cell by its whole name, or all that begin with it: `disk`, `agent, kill`. */
export const isWanted = (cell: Cell, name: string): boolean => `${nameOf(cell)}, `.startsWith(`${name}, `);
