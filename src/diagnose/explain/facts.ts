// Everything that is known of one port, joined from all sources that have a say in it.

import type { GuestRuntime } from '../../core/guest/guest.ts';
import type { LinkState } from '../../core/kernel/links.ts';
import type { Vlan } from '../../core/plan/desired.ts';
import type { DriverName, ObservedPort } from '../../core/plan/observed.ts';
import type { BindingFacts, WaitingFacts } from '../doctor/facts.ts';

export interface GuestFacts {
  name: string;
  runtime: GuestRuntime;
  /** Undefined: it could not be found out. */
  running: boolean | undefined;
  /** `backup`, `migrate`, …: who holds the guest now. */
  lock?: string;
}

/** What the port should be. */
export interface DesiredFacts {
  interface: string;
  bridge: string;
  /** Name of the row where it is not the port's own. */
  row?: string;
  vlan?: Vlan;
  from: 'guest configuration' | 'binding file';
}

export interface PortFacts {
  port: string;
  vmid: number;
  nic: number;
  guest?: GuestFacts;
  wish?: DesiredFacts;
  /** Why the NIC gets no port. */
  obstacle?: string;
  firewall: boolean;
  /** Whether Proxmox has written down a change of this NIC that is not in force. */
  pending: boolean;
  /** Whether its bridge runs a spanning tree: no port is renamed there. */
  spanningTree: boolean;
  /** Why Proxmox's changes of running containers are not seen in time: their ports keep Proxmox's names. */
  locksProblem?: string;
  /** The row that carries our marks, and one under our name that does not. */
  row?: ObservedPort;
  foreign?: ObservedPort;
  /** Another row that holds the desired device. */
  holder?: ObservedPort;
  device?: string;
  link?: LinkState;
  driver?: DriverName;
  /** How many NetworkManager profiles of ours it has. */
  profiles: number;
  binding?: BindingFacts;
  waiting?: WaitingFacts;
  /** Why the agent passed the guest's NIC over, by the ledger. */
  skipped: readonly string[];
  /** The row is from an earlier boot. */
  isOld: boolean;
  /** There is no bridge of the desired name. */
  bridgeMissing?: true;
  /** Why OVSDB, or the agent, did not answer. */
  ovsdbProblem?: string;
  agentProblem?: string;
  /** Why ovs-vswitchd does not answer: rows say only what is desired then. */
  switchProblem?: string;
  /** Another node of the cluster has the guest. */
  node?: string;
}
