// Joins what the sources know of one port; pure.

import { USER_BRIDGE_KEY, USER_KEY } from '../../core/drivers/networkmanager/profiles.ts';
import { GUEST_RUNTIMES, type GuestRuntime } from '../../core/guest/guest.ts';
import { type PortIdentity, portName } from '../../core/guest/vmid.ts';
import { answered } from '../../core/lib/answer.ts';
import { type ObservedPort, OWNER_KEYS } from '../../core/plan/observed.ts';
import type { HostFacts } from '../doctor/facts.ts';
import { bootOfPort, isOursPort } from '../doctor/ownership.ts';
import type { DesiredFacts, GuestFacts, PortFacts } from './facts.ts';

/** What only the edge can find out of a guest and its NIC. */
export interface NicFacts {
  /** From Proxmox's configuration. */
  guest?: Pick<GuestFacts, 'name' | 'runtime' | 'lock'>;
  desired?: DesiredFacts;
  obstacle?: string;
  firewall: boolean;
  pending: boolean;
  running: boolean | undefined;
  skipped: readonly string[];
}

/** What is looked at of the host; the agent knows the same of its own ports. */
export type JoinedFacts = Pick<
  HostFacts,
  'ovsdb' | 'vswitchd' | 'bindings' | 'agent' | 'links' | 'networkManager' | 'bootId'
> & { proxmox: Pick<HostFacts['proxmox'], 'tree'> };

export function joinPort({ vmid, nic }: PortIdentity, host: JoinedFacts, nicFacts: NicFacts): PortFacts {
  const port = portName(vmid, nic);
  const ports = answered(host.ovsdb)?.ports ?? [];
  const named = ports.filter((one) => one.port === port || one.row === port);
  const row = named.find(isOursPort);
  const foreign = named.find((one) => !isOursPort(one));
  const binding = host.bindings.find((one) => one.port === port);
  const desired = nicFacts.desired ?? (binding && { ...binding, from: 'binding file' as const });
  const device = row?.interface ?? desired?.interface ?? foreign?.interface;
  const holder = ports.find((one) => one !== row && one !== foreign && one.interface === desired?.interface);
  const waiting = answered(host.agent)?.waiting.find((one) => one.port === port);
  const known = nicFacts.guest ?? binding ?? markedGuest(row);
  const link = device === undefined ? undefined : host.links.get(device);
  const node = nodeOf(host, vmid);
  const on = row?.bridge ?? desired?.bridge;
  const bridge = answered(host.ovsdb)?.bridges.find(({ name }) => name === on);
  const locksProblem = answered(host.agent)?.locksProblem;
  return {
    port,
    vmid,
    nic,
    firewall: nicFacts.firewall,
    pending: nicFacts.pending,
    spanningTree: bridge?.spanningTree === true,
    ...(locksProblem !== undefined && { locksProblem }),
    skipped: nicFacts.skipped,
    profiles: profilesOf(host, port),
    isOld: row !== undefined && (bootOfPort(row) ?? host.bootId) !== host.bootId,
    ...(known && { guest: guestFacts(known, nicFacts.running) }),
    ...(desired && { wish: desired }),
    ...(nicFacts.obstacle !== undefined && { obstacle: nicFacts.obstacle }),
    ...(row && { row, driver: row.driver }),
    ...(foreign && { foreign }),
    ...(holder && { holder }),
    ...(device !== undefined && { device }),
    ...(link && { link }),
    ...(binding && { binding }),
    ...(waiting && { waiting }),
    ...(!host.ovsdb.ok && { ovsdbProblem: host.ovsdb.reason }),
    ...(desired && isMissing(host, desired.bridge) && { bridgeMissing: true as const }),
    ...(host.ovsdb.ok && !host.vswitchd.ok && { switchProblem: host.vswitchd.reason }),
    ...(!host.agent.ok && { agentProblem: host.agent.reason }),
    ...(node !== undefined && { node }),
  };
}

type Known = Pick<GuestFacts, 'runtime' | 'lock'> & ({ name: string } | { guest: string });

function guestFacts(known: Known, running: boolean | undefined): GuestFacts {
  const { runtime, lock } = known;
  const name = 'name' in known ? known.name : known.guest;
  return { name, runtime, running, ...(lock !== undefined && { lock }) };
}

/** Whose the marks of a row say it is. */
export function markedGuest(row: ObservedPort | undefined): Pick<GuestFacts, 'name' | 'runtime'> | undefined {
  const runtime = row?.externalIds[OWNER_KEYS.runtime];
  const name = row?.externalIds[OWNER_KEYS.guest];
  const isRuntime = (text: string): text is GuestRuntime => GUEST_RUNTIMES.some((one) => one === text);
  return runtime === undefined || name === undefined || !isRuntime(runtime) ? undefined : { runtime, name };
}

function isMissing({ ovsdb }: JoinedFacts, bridge: string): boolean {
  return ovsdb.ok && !ovsdb.value.bridges.some(({ name }) => name === bridge);
}

function profilesOf({ networkManager }: JoinedFacts, port: string): number {
  const profiles = answered(networkManager)?.profiles;
  const stored = profiles?.ok ? profiles.value : [];
  return stored.filter(({ user }) => user[USER_KEY] === port && user[USER_BRIDGE_KEY] !== port).length;
}

/** The node that has the guest, when it is not this one. */
function nodeOf({ proxmox: { tree } }: JoinedFacts, vmid: number): string | undefined {
  if (tree.state !== 'ready' || tree.guests.has(vmid) || !tree.vmlist.ok) return undefined;
  return tree.vmlist.guests.get(vmid)?.node;
}

/** Whether any source knows the port or its guest. */
export function isKnown({ guest, row, foreign, binding, waiting, node, profiles, link }: PortFacts): boolean {
  return (guest ?? row ?? foreign ?? binding ?? waiting ?? node ?? link) !== undefined || profiles > 0;
}
