// The flags of a tun/tap device, as its sysfs shows them.

/** The flags of a tun/tap device, which a `tun` profile must repeat exactly to match it. */
export interface TunFlags {
  pi: boolean;
  vnetHdr: boolean;
  multiQueue: boolean;
  owner: number | undefined;
  group: number | undefined;
}
