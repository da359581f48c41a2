// Under which addresses the outside knows a guest.

export interface PublicAddresses {
  own: string[];
  /** What it holds for its fail-over group. */
  shared: string[];
}

interface NicPort {
  published?: readonly { address: string; inside?: string | undefined }[] | undefined;
  portSecurity?: { addresses: readonly string[] } | undefined;
  veth?: { addresses: readonly string[] } | undefined;
  shared?: readonly string[] | undefined;
}

/**
 * Without prefix length: what the host publishes for the guest, else what its port may send from (mode `l2`), else what
 * its NIC has.
 */
export function publicAddressesOf({
  published = [],
  portSecurity,
  veth,
  shared = [],
}: NicPort): PublicAddresses {
  const nicAddresses =
    portSecurity?.addresses ?? veth?.addresses.map((text) => text.split('/')[0] ?? text) ?? [];
  const all =
    published.length > 0
      ? published.map(({ address, inside = address }) => ({ address, onNic: inside }))
      : nicAddresses.map((address) => ({ address, onNic: address }));
  const isShared = ({ onNic }: { onNic: string }) => shared.includes(onNic);
  return {
    own: all.filter((entry) => !isShared(entry)).map(({ address }) => address),
    shared: all.filter(isShared).map(({ address }) => address),
  };
}
