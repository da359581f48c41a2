// What every switch driver can do. A driver acts on one step and decides nothing.

import type { DesiredPort } from '../plan/desired.ts';
import type { DriverName, ObservedPort } from '../plan/observed.ts';

/** What a driver reports of a port it made: data for the ledger and for the reader. */
export interface PortOutcome {
  /** OpenFlow port number. */
  ofport: number;
  attempts: number;
}

export interface BridgeWish {
  bridge: string;
  datapathType: 'auto' | 'system' | 'netdev';
  /** The host's addresses on the bridge's own interface, in CIDR form. */
  addresses: readonly string[];
  /** Whether that interface is to have IPv6 at all: an address of it is configured, or a pool. */
  ipv6: boolean;
}

export interface SwitchDriver {
  readonly name: DriverName;
  /** Makes the bridge with an internal interface of its name, up and with the addresses. */
  createBridge(wish: BridgeWish): Promise<{ datapathType: string }>;
  /** Brings a bridge's own interface up again, with the addresses of the wish; the ports of guests are not touched. */
  restoreBridge(wish: BridgeWish): Promise<void>;
  /** Puts a device that is on no bridge into a port; resolves when ovs-vswitchd has opened it. */
  attach(desired: DesiredPort): Promise<PortOutcome>;
  /** Moves the Interface row of `from` into a port with the wished name, VLAN settings and all, in one transaction. */
  adopt(desired: DesiredPort, from: ObservedPort): Promise<PortOutcome>;
  /** Takes a port of ours away; one that is gone is fine. */
  detach(port: ObservedPort): Promise<void>;
}
