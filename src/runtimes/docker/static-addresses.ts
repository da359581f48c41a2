// Addresses that labels of containers say: of two that have one on the same bridge neither is reached, so the second is refused.

import { AgentError } from '../../core/lib/errors.ts';
import type { DesiredGuest } from '../../state/desired-state.ts';

export interface StaticAddresses {
  /** Notes what a container is to have, in place of what it had. Throws `address-taken`. */
  claim(container: { id: string; name: string }, bridge: string, cidrs: readonly string[]): void;
  drop(id: string): void;
  /** Drops those of containers that do not run. */
  keep(running: ReadonlySet<string>): void;
}

export interface StaticAddressParts {
  desiredGuests: () => readonly DesiredGuest[];
  /** The host's own addresses on a bridge, without prefix length. */
  addressesOf: (bridge: string) => readonly string[];
}

const withoutPrefix = (text: string) => text.split('/')[0] ?? text;

export function openStaticAddresses({ desiredGuests, addressesOf }: StaticAddressParts): StaticAddresses {
  /** By bridge and address: a claim comes only after all of a container was found out. */
  const given = new Map<string, { id: string; name: string }>();

  const holderOf = (address: string, bridge: string, id: string): string | undefined => {
    const held = given.get(`${bridge} ${address}`);
    if (held !== undefined && held.id !== id) return held.name;
    const has = ({ ports }: DesiredGuest) =>
      ports.some(
        (port) =>
          port.bridge === bridge && port.veth?.addresses.some((text) => withoutPrefix(text) === address),
      );
    const desiredGuest = desiredGuests().find((entry) => entry.guest.id !== id && has(entry));
    return desiredGuest?.guest.name ?? (addressesOf(bridge).includes(address) ? 'the host' : undefined);
  };
  const drop = (id: string) => {
    for (const [place, holder] of given) if (holder.id === id) given.delete(place);
  };

  return {
    claim(container, bridge, cidrs) {
      drop(container.id);
      const addresses = cidrs.map(withoutPrefix);
      for (const address of addresses) {
        const holder = holderOf(address, bridge, container.id);
        if (holder === undefined) continue;
        throw new AgentError('address-taken', `${address} on ${bridge} is the address of ${holder} already`);
      }
      for (const address of addresses) given.set(`${bridge} ${address}`, container);
    },
    drop,
    keep(running) {
      for (const [place, { id }] of given) if (!running.has(id)) given.delete(place);
    },
  };
}
