// The one judgement of what is wrong with this host, its bridges and its ports: status, list, reconcile, doctor and D-Bus say
// what it says, and a port's part of it is `faultsOf`, as in explain. Pure.

import { ERRORS, type ErrorCode } from '../core/lib/errors.ts';
import type { PortFacts } from './explain/facts.ts';
import { type Fault, faultsOf } from './explain/faults.ts';
import { type LedgerView, ledgerFaults } from './ledger-faults.ts';
import { type WitnessView, witnessFaults } from './witness-faults.ts';

/** A bridge that the configuration names, or that ports of guests should be on. */
export interface BridgeView {
  name: string;
  present: boolean;
  /** How many ports of guests should be on it. */
  desiredPorts: number;
  /** Whether the agent makes it when it is missing. */
  isMade: boolean;
  /** Why no driver can act on it. */
  obstacle?: { code: ErrorCode; reason: string } | undefined;
  /** What Open vSwitch says of the bridge's own interface. */
  error?: string | undefined;
  /** A bridge of ours whose own interface is down or lacks an address of the configuration. */
  isDown?: boolean;
}

export interface HealthView {
  /** Why OVSDB cannot be asked: then nothing is known of bridges and ports. */
  ovsdbProblem?: string | undefined;
  /** Why ovs-vswitchd does not answer: then rows say only what is desired. */
  switchProblem?: string | undefined;
  bridges: readonly BridgeView[];
  /** Of the ports that guests have. */
  ports: readonly PortFacts[];
  ledger?: LedgerView | undefined;
  /** Whom the ledger's checkpoints are shown to. */
  witnesses?: WitnessView;
  /** Milliseconds of the epoch; how long a new epoch is told of depends on it. */
  now?: number;
  /** Directories that are looked at by a timer, for want of inotify. */
  polled?: readonly { path: string; reason: string }[];
  /** How many public addresses were taken back by hand and are waited for. */
  withdrawn?: number;
  /** What keeps public addresses from being reached although the host is their gateway, one line each. */
  unreached?: readonly string[];
  /** What was left out of the picture because it cannot be made out: what it is, and what can be done. */
  unread?: readonly Unread[];
}

export interface Unread {
  text: string;
  remedy: string;
}

/** Faults of this kind that are told one by one. */
const UNREAD_SHOWN = 5;

/** What a fault is about. `degraded`: all works, but not as well as it should. */
export interface HealthFault extends Fault {
  subject: 'host' | 'bridge' | 'port';
  /** Of the bridge or the port; empty for the host. */
  name: string;
  degraded?: true;
}

const UNREACHED_REMEDY =
  'Let what comes for these addresses, and from them, through the firewall chain that is named; the agent sees it at once';

/** A guest may have its own NIC down: worth knowing where one port is asked for, and no fault of the host. */
const GUESTS_OWN: ReadonlySet<string> = new Set(['no-carrier']);

/** What is wrong, the cause before its effects; what the whole host has is not told of each port again. Empty: all is well. */
export function healthOf(view: HealthView): HealthFault[] {
  const host = hostFaults(view);
  const reported = new Set(host.map(({ fault }) => fault));
  if (view.ovsdbProblem !== undefined) return host;
  const bridges = view.bridges.flatMap((bridge) => bridgeFaults(bridge));
  const ports = view.ports.flatMap((port) =>
    portHealth(port)
      .filter(({ fault }) => !reported.has(fault))
      .map((fault): HealthFault => ({ ...fault, subject: 'port', name: port.port })),
  );
  return [...host, ...bridges, ...ports];
}

/** The faults of one port that count for its health. */
export function portHealth(port: PortFacts): Fault[] {
  return faultsOf(port).filter(({ fault }) => !GUESTS_OWN.has(fault));
}

/** `ok`, or the name of what is wrong first: one word for a table. */
export function healthWord(faults: readonly Fault[]): string {
  return faults[0]?.fault ?? 'ok';
}

function hostFaults({
  ovsdbProblem,
  switchProblem,
  ledger,
  witnesses,
  now = Number.POSITIVE_INFINITY,
  polled = [],
  withdrawn = 0,
  unreached = [],
  unread = [],
}: HealthView): HealthFault[] {
  const found: HealthFault[] = [];
  const host = (fault: string, text: string, remedy: string, degraded = false) =>
    found.push({
      subject: 'host',
      name: '',
      fault,
      text,
      remedy,
      ...(degraded && { degraded: true as const }),
    });
  if (ovsdbProblem !== undefined)
    host('ovsdb-unreachable', `nothing can be told: ${ovsdbProblem}`, ERRORS['ovsdb-unreachable'].remedy);
  if (switchProblem !== undefined)
    host(
      'vswitchd-unreachable',
      `ovs-vswitchd does not answer: ${switchProblem}`,
      ERRORS['vswitchd-unreachable'].remedy,
    );
  for (const { fault, text, remedy, degraded } of ledgerFaults(ledger, now))
    host(fault, text, remedy, degraded);
  if (witnesses !== undefined)
    for (const { fault, text, remedy, degraded } of witnessFaults(witnesses, now))
      host(fault, text, remedy, degraded);
  if (withdrawn > 0) {
    const what = `${withdrawn} public ${withdrawn === 1 ? 'address was' : 'addresses were'} taken back by netmaker withdraw`;
    host(
      'withdrawn',
      `${what}, and ${withdrawn === 1 ? 'its container waits' : 'their containers wait'}`,
      'systemctl restart ovs-port-agent.service',
    );
  }
  for (const { text, remedy } of unread.slice(0, UNREAD_SHOWN)) host('not-understood', text, remedy);
  const more = unread.length - UNREAD_SHOWN;
  if (more > 0) host('not-understood', `and ${more} more that are not understood`, 'Mend those above first');
  for (const text of unreached)
    host('addresses-unreached', `public addresses cannot be reached: ${text}`, UNREACHED_REMEDY);
  const [first] = polled;
  if (first !== undefined) {
    const paths = polled.map(({ path }) => path).join(', ');
    host(
      'no-inotify',
      `${paths}: looked at every second, since the kernel has no room for another watch (${first.reason})`,
      'Raise fs.inotify.max_user_instances and fs.inotify.max_user_watches with sysctl; the agent tries again each minute',
      true,
    );
  }
  return found;
}

function bridgeFaults({
  name,
  present,
  desiredPorts: wanted,
  isMade,
  obstacle,
  error,
  isDown,
}: BridgeView): HealthFault[] {
  const bridge = (fault: string, text: string, remedy: string): HealthFault[] => [
    { subject: 'bridge', name, fault, text, remedy },
  ];
  if (obstacle !== undefined) return bridge(obstacle.code, obstacle.reason, ERRORS[obstacle.code].remedy);
  if (!present) {
    const guests = wanted === 1 ? 'one port of a guest' : `${wanted} ports of guests`;
    const text = `the bridge ${name} does not exist${wanted > 0 ? `, and ${guests} should be on it` : ''}`;
    return bridge(
      'bridge-missing',
      text,
      isMade ? 'ovs-port-agent reconcile' : ERRORS['bridge-missing'].remedy,
    );
  }
  if (error !== undefined)
    return bridge(
      'bridge-not-usable',
      `Open vSwitch says of ${name}: ${error}`,
      'See journalctl -u ovs-vswitchd',
    );
  if (isDown)
    return bridge(
      'bridge-down',
      `the bridge's own interface ${name} is down or lacks an address`,
      'ovs-port-agent reconcile',
    );
  return [];
}
