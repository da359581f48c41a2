// What every switch driver can do. A driver acts on one step and decides nothing.

import type { DesiredPort } from '../plan/desired.ts';
import type { DriverName, ObservedBridge, ObservedPort, ObservedProfile } from '../plan/observed.ts';

/** What a driver reports of a port it made: data for the ledger and for the reader. */
export interface PortOutcome {
  /** Who holds the port from now on. */
  driver: DriverName;
  /** OpenFlow port number. */
  ofport: number;
  attempts: number;
}

export interface BridgeSpec {
  bridge: string;
  datapathType: 'auto' | 'system' | 'netdev';
  /** The host's addresses on the bridge's own interface, in CIDR form. */
  addresses: readonly string[];
  /** Whether that interface is to have IPv6 at all: an address of it is configured, or a pool. */
  ipv6: boolean;
}

/** What is the same for all ports of a driver is in `plan/driver-names.ts`. */
export interface SwitchDriver {
  readonly name: DriverName;
  /** Whether we made the bridge through this driver, and nobody has taken it over since. */
  owns(bridge: ObservedBridge): boolean;
  /** Whether the rows of `holder` are those that this driver made for the port, by what is on them. */
  isHeld(desired: DesiredPort, holder: ObservedPort): boolean;
  /**
   * What it keeps of guests' ports outside OVSDB, which outlives them; what belongs to a bridge itself stays for good and
   * is left out.
   */
  profiles(): Promise<ObservedProfile[]>;
  dropProfiles(uuids: readonly string[]): Promise<void>;
  /** Makes the bridge with an internal interface of its name, up and with the addresses. */
  createBridge(spec: BridgeSpec): Promise<{ datapathType: string }>;
  /** Brings a bridge's own interface up again, with the addresses of the spec; the ports of guests are not touched. */
  restoreBridge(spec: BridgeSpec): Promise<void>;
  /** Puts a device that is on no bridge into a port; resolves when ovs-vswitchd has opened it. */
  attach(desired: DesiredPort): Promise<PortOutcome>;
  /** Moves the Interface row of `from` into a port with the desired name, VLAN settings and all, in one transaction. */
  adopt(desired: DesiredPort, from: ObservedPort): Promise<PortOutcome>;
  /** Writes our marks on a row that keeps its name. */
  mark(desired: DesiredPort, row: ObservedPort): Promise<void>;
  /** Takes our marks off a row that somebody else plugged; one that is gone is fine. Says who did so. */
  release(port: ObservedPort): Promise<Pick<PortOutcome, 'driver'>>;
  /**
   * Gives a NIC back under the name `desired.row`, with our name as its alias. `taken` when Proxmox, for which this is
   * done, has taken the row out before ovs-vswitchd had opened it.
   */
  restoreName(desired: DesiredPort, from: ObservedPort): Promise<PortOutcome | 'taken'>;
  /**
   * Gives many NICs back at once, each under its device's name with ours as its alias; waits for no ovs-vswitchd. Not there
   * where a program goes on without us: nothing is given back then. Throws what OVSDB says.
   */
  readonly restoreNames?: (ports: readonly ObservedPort[]) => Promise<void>;
  /** Takes a port of ours away; one that is gone is fine. */
  detach(port: ObservedPort): Promise<void>;
}

export type SwitchDrivers = Readonly<Record<DriverName, SwitchDriver>>;
