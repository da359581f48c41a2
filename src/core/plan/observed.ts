// What the switch has: one consistent look at OVSDB, the kernel's links and our NetworkManager profiles.

import type { AgentError } from '../lib/errors.ts';
import type { Vlan } from './desired.ts';
import { type DriverName, keeperOfRow } from './driver-names.ts';

export { type DriverName, NM_UUID_KEY } from './driver-names.ts';

export interface ObservedBridge {
  name: string;
  datapathType: 'system' | 'netdev';
  /** Set while it runs STP or RSTP. */
  spanningTree?: true;
  externalIds: Readonly<Record<string, string>>;
}

/** A Port row with one Interface; bonds are never a guest's and are left out. */
export interface ObservedPort {
  /** The row's own name, or the one of ours that a row of Proxmox's carries as its alias. */
  port: string;
  /** Name of the row in OVSDB. */
  row: string;
  /** Who made it, and so who takes it away. */
  driver: DriverName;
  bridge: string;
  interface: string;
  type: string;
  /** OpenFlow port number; undefined or negative while ovs-vswitchd could not open the device. */
  ofport?: number;
  error?: string;
  vlan: Vlan;
  portUuid: string;
  interfaceUuid: string;
  bridgeRowUuid: string;
  externalIds: Readonly<Record<string, string>>;
  interfaceExternalIds: Readonly<Record<string, string>>;
}

/** What a driver keeps of a guest's port outside OVSDB, such as a profile in NetworkManager. */
export interface ObservedProfile {
  driver: DriverName;
  uuid: string;
  port: string;
  bridge: string;
}

export interface Observed {
  bridges: ReadonlyMap<string, ObservedBridge>;
  ports: readonly ObservedPort[];
  /** Whether the kernel has a link of that name in the host's namespace. */
  links: Pick<ReadonlySet<string>, 'has'>;
  /** Those of the bridges asked for that are bridges of the kernel, not of Open vSwitch. */
  linuxBridges: ReadonlySet<string>;
  profiles: readonly ObservedProfile[];
  /** Why NetworkManager's profiles could not be read: there may be more than `profiles` has. */
  profilesUnread?: AgentError;
  /** Ports whose veth pair has its inner end in the namespace of the container that asks for it now. */
  guestEnds: ReadonlySet<string>;
  /** Outer ends of veths of ours whose inner end is in no container yet. */
  parked: ReadonlySet<string>;
  /** Bridges of ours whose own interface is down or lacks an address of the configuration. */
  bridgesDown: ReadonlySet<string>;
  /** Devices behind marked rows that are the host's own, whatever the marks say, and why: the end of a sentence. */
  hostDevices: ReadonlyMap<string, string>;
  /** Devices behind marked rows that lead to another network namespace or to a program: guests' by their kind. */
  guestDevices: ReadonlySet<string>;
  /** Rules of ours that limit what a port sends and receives, by VMID. */
  portSecurity: ReadonlyMap<number, ObservedPortSecurity>;
  /**
   * Devices of Proxmox's guests that Proxmox has put into a bridge of the kernel, or set down, although they are in ports of ours
   * that may be taken away: it has not found those by its own name.
   */
  leftByProxmox: ReadonlySet<string>;
}

export interface ObservedPortSecurity {
  bridge: string;
  ofport: number;
  /** Tells whether the rules are still what would be made now. */
  digest: string;
}

/** Keys of the external_ids that make a row ours. */
export const OWNER_KEYS = {
  vmid: 'ovs-port-agent.vmid',
  guest: 'ovs-port-agent.guest',
  runtime: 'ovs-port-agent.runtime',
  nic: 'ovs-port-agent.nic',
  id: 'ovs-port-agent.id',
  /** Our name for a port whose row keeps another one. */
  port: 'ovs-port-agent.port',
  boot: 'ovs-port-agent.boot-id',
} as const;

/** Whether we made the bridge in OVSDB ourselves, and nobody has taken it over since. */
export function isOurBridge({ externalIds }: Pick<ObservedBridge, 'externalIds'>): boolean {
  return externalIds[OWNER_KEYS.boot] !== undefined && keeperOfRow(externalIds) === undefined;
}

/** Whether a row of OVSDB carries our mark; whose it is says `ownership.ts`. */
export function isOurs(externalIds: Readonly<Record<string, string>>): boolean {
  return externalIds[OWNER_KEYS.vmid] !== undefined;
}
