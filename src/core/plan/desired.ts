// What a guest should have: the ports that the sources ask for.

import type { PortGuard, PublishedAddress } from '../../netmaker/types.ts';
import type { Guest } from '../guest/guest.ts';

/** A veth pair that we make ourselves for a container, and what its inner end gets. */
export interface VethRequest {
  /** A process in the container's network namespace. */
  pid: number;
  /** Name inside the container, such as `ovs0`. */
  guestInterface: string;
  mac: string;
  /** With prefix length, such as `203.0.113.10/24`. */
  addresses: readonly string[];
  /** At most one of each family: the container's default routes. */
  gateways: readonly string[];
  /** Name servers that the container goes on reaching through the network it had before. */
  nameservers: readonly string[];
  /** Where a default route that is not ours may lead without being the container's own doing. */
  networks: readonly FormerNetwork[];
}

/** One network that a container has beside the one of ours, as its runtime says. */
export interface FormerNetwork {
  /** Another one each time that the container is connected to it. */
  id: string;
  /** The container's, without prefix length. */
  addresses: readonly string[];
  /** At most one of each family. */
  gateways: readonly string[];
}

export interface Vlan {
  tag?: number;
  trunks: readonly number[];
  mode?: string;
}

export interface VethPeer {
  /** A process in the other end's namespace. */
  pid: number;
}

export interface DesiredPort {
  /** Our name for the port, `vi<VMID>` or `vi<VMID>i<n>`. */
  port: string;
  /** Name that the row in OVSDB keeps, when that is not ours: Proxmox plugged the card and wants to find it. */
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
  guard?: PortGuard;
  /** Name of the fail-over group that the guest is a member of. */
  group?: string;
  /** Those of its addresses, without prefix length, that it holds for its group. */
  shared?: readonly string[];
  /** Addresses that the host makes reachable for the guest. */
  published?: readonly PublishedAddress[];
}
