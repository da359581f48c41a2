// What a veth pair of a container should be: what its inner end gets, and where the other end is.

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

export interface VethPeer {
  /** A process in the other end's namespace. */
  pid: number;
}
