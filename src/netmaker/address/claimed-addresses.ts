// Which addresses the claims of containers speak of.

import { parseIp } from '../../core/lib/cidr.ts';
import type { Claims } from '../../state/desired-state.ts';
import type { Pool } from '../types.ts';
import { poolOf } from './address-space.ts';
import { publicAddressesOf } from './public-addresses.ts';

/** What ports of others than `key` have, public and inside. */
export function addressesOfOthers(claims: Claims, key: string): string[] {
  return claims
    .all()
    .filter(({ guest }) => guest.id !== key)
    .flatMap(({ ports }) => ports)
    .flatMap(({ veth, published = [] }) => [
      ...(veth?.addresses.map((text) => text.split('/')[0] ?? text) ?? []),
      ...published.map(({ address }) => address),
    ]);
}

/** What running containers have, for the case that the file of leases was lost. */
export function heldBy(
  claims: Pick<Claims, 'all'>,
  pools: readonly Pool[],
): { key: string; name: string; addresses: string[] }[] {
  // What a label says of a network of its own is no lease.
  const isOfPool = (text: string) => {
    const address = parseIp(text);
    return address !== undefined && poolOf(pools, address) !== undefined;
  };
  return claims.all().flatMap(({ guest, ports }) =>
    ports.flatMap((port) => {
      const { guard, group } = port;
      if (guard === undefined || guest.id === undefined) return [];
      const { own: all, shared: ofGroup } = publicAddressesOf(port);
      const own = { key: guest.id, name: guest.name, addresses: all.filter(isOfPool) };
      return group === undefined || ofGroup.length === 0
        ? [own]
        : [own, { key: `group:${group}`, name: group, addresses: ofGroup }];
    }),
  );
}

/** Keys of the fail-over groups that have a member. */
export function groupKeys(claims: Claims): string[] {
  return claims
    .all()
    .flatMap(({ ports }) => ports.flatMap(({ group }) => (group === undefined ? [] : [`group:${group}`])));
}
