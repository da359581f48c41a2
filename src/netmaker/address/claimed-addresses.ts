// Which addresses the claims of containers speak of.

import { parseIp } from '../../core/lib/cidr.ts';
import type { DesiredState } from '../../state/desired-state.ts';
import type { Pool } from '../types.ts';
import { poolOf } from './address-space.ts';
import { publicAddressesOf } from './public-addresses.ts';

/** What ports of others than `key` have, public and inside. */
export function addressesOfOthers(desiredState: DesiredState, key: string): string[] {
  return desiredState
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
  desiredState: Pick<DesiredState, 'all'>,
  pools: readonly Pool[],
): { key: string; name: string; addresses: string[] }[] {
  // What a label says of a network of its own is no lease.
  const isOfPool = (text: string) => {
    const address = parseIp(text);
    return address !== undefined && poolOf(pools, address) !== undefined;
  };
  return desiredState.all().flatMap(({ guest, ports }) =>
    ports.flatMap((port) => {
      const { portSecurity, group } = port;
      if (portSecurity === undefined || guest.id === undefined) return [];
      const { own: all, shared: ofGroup } = publicAddressesOf(port);
      const own = { key: guest.id, name: guest.name, addresses: all.filter(isOfPool) };
      return group === undefined || ofGroup.length === 0
        ? [own]
        : [own, { key: `group:${group}`, name: group, addresses: ofGroup }];
    }),
  );
}

/** Keys of the fail-over groups that have a member. */
export function groupKeys(desiredState: DesiredState): string[] {
  return desiredState
    .all()
    .flatMap(({ ports }) => ports.flatMap(({ group }) => (group === undefined ? [] : [`group:${group}`])));
}
