// Words that the parts of the Netmaker support share.

/** `server` carries the API, `client` (netclient) carries the mesh. */
export type NetmakerRole = 'server' | 'client';

/**
 * How a container gets its public address: `routed` the host forwards for it, `l2` the uplink is in the bridge and the
 * host has no part in it, `nat1to1` the host translates between a public and an inside address.
 */
export type PublicMode = 'routed' | 'l2' | 'nat1to1';

/** A subnet that containers get addresses from. */
export interface Pool {
  family: 4 | 6;
  /** Canonical `NETWORK/PREFIX`. */
  subnet: string;
  /** The address, without prefix length, that containers send through. */
  gateway: string;
  /** Prefix length that containers get: that of the subnet, or 32 or 128 where the gateway lies outside of it. */
  prefix: number;
}
