// Whose a port or a device is, where several guests ask for it.

import { openAskers } from './askers.ts';
import type { Binding } from './binding-format.ts';
import type { DesiredGuest } from './claim.ts';

export interface Holders {
  /** Of several guests that ask for one port, the one that has it, else the first. */
  ofPort(port: string): DesiredGuest | undefined;
  ofDevice(link: string): DesiredGuest | undefined;
  /** The guest's claim has changed. */
  note(desiredGuest: DesiredGuest): void;
}

export function openHolders(
  desiredGuests: ReadonlyMap<string, DesiredGuest>,
  bindings: ReadonlyMap<string, Binding>,
): Holders {
  const askers = openAskers();
  for (const { key, ports } of desiredGuests.values()) askers.set(key, ports);

  /** The first of all guests where several ask. */
  const only = (
    keys: ReadonlySet<string>,
    asks: (desiredGuest: DesiredGuest) => boolean,
  ): DesiredGuest | undefined => {
    if (keys.size > 1) return [...desiredGuests.values()].find(asks);
    const [key] = keys;
    return key === undefined ? undefined : desiredGuests.get(key);
  };

  return {
    ofPort(port) {
      const asks = (desiredGuest: DesiredGuest | undefined) =>
        desiredGuest?.ports.some((desiredPort) => desiredPort.port === port) === true;
      const owner = desiredGuests.get(bindings.get(port)?.key ?? '');
      return asks(owner) ? owner : only(askers.forPort(port), asks);
    },
    ofDevice(link) {
      const keys = askers.forDevice(link);
      const asks = (desiredGuest: DesiredGuest) =>
        desiredGuest.ports.some((desiredPort) => desiredPort.interface === link);
      if (keys.size < 2) return only(keys, asks);
      const bound = [...bindings.values()].filter((binding) => binding.interface === link);
      const owner = bound
        .map(({ key }) => desiredGuests.get(key))
        .find((desiredGuest) => desiredGuest && asks(desiredGuest));
      return owner ?? only(keys, asks);
    },
    note: ({ key, ports }) => askers.set(key, ports),
  };
}
