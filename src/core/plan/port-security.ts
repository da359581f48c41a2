// What a port may send and receive, and what the outside may open towards it: the types of port security.

/** `all`, `icmp` (with ICMPv6), or ports as `51821/udp` and `51821-51830/tcp`. */
export type ServiceRule = string;

/** What a port may send and receive, and how much. */
export interface PortSecurity {
  mac: string;
  /** Its addresses of both families, canonical, without prefix length. */
  addresses: readonly string[];
  /** Whether it may talk to the gateway only, not to its neighbours on the bridge. */
  isolate: boolean;
  /** What neighbours and the outside may open towards it; replies always come in. */
  allowIn: readonly ServiceRule[];
  /** kbit/s towards the guest; undefined: no limit. */
  rateIn?: number;
  /** kbit/s from the guest; undefined: no limit. */
  rateOut?: number;
}

/** An address that the host makes reachable for a container. */
export interface PublishedAddress {
  /** Port on the bridge, `vi<VMID>`. */
  port: string;
  /** Canonical, without prefix length. */
  address: string;
  /** With `nat1to1`: the address that the container has. */
  inside?: string;
  /** Of the container's NIC, which has a link-local address by it; missing in what an earlier agent wrote. */
  mac?: string;
  /** What the outside may open towards it. */
  allowIn: readonly ServiceRule[];
}
