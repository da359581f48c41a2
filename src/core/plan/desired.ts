// What a guest should have: the ports that the sources ask for.

import type { Guest } from '../guest/guest.ts';
import type { VethPeer, VethRequest } from '../kernel/veth-request.ts';
import type { PortSecurity, PublishedAddress } from './port-security.ts';

export interface Vlan {
  tag?: number;
  trunks: readonly number[];
  mode?: string;
}

export interface DesiredPort {
  /** Our name for the port, `vi<VMID>` or `vi<VMID>i<n>`. */
  port: string;
  /** Name that the row in OVSDB keeps, when that is not ours: Proxmox plugged the NIC and wants to find it. */
  row?: string;
  /** Kernel name of the link that the port holds. */
  interface: string;
  bridge: string;
  guest: Guest;
  nic: number;
  vlan?: Vlan;
  /** Bytes, when the guest's configuration asks for it or its bridge has it. */
  mtu?: number;
  veth?: VethRequest;
  /** Set when the link is a veth that somebody else made: where its other end is. */
  peer?: VethPeer;
  /** Addresses, without prefix length, that the guest has from its start, under a MAC that is another one at each start. */
  announces?: readonly string[];
  /** Why the guest gets it, where that was decided and not only configured. */
  why?: string;
  /** What the port may send and receive; without it anything. */
  portSecurity?: PortSecurity;
  /** Name of the fail-over group that the guest is a member of. */
  group?: string;
  /** Those of its addresses, without prefix length, that it holds for its group. */
  shared?: readonly string[];
  /** Addresses that the host makes reachable for the guest. */
  published?: readonly PublishedAddress[];
}

/** What neighbours are told once its inner end is set up, which is the last that is done for it: addresses without prefix length. */
export function announcedWith({ peer, announces, portSecurity }: DesiredPort): readonly string[] {
  return (peer === undefined ? portSecurity?.addresses : announces) ?? [];
}
