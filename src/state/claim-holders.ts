// Whose a port or a device is, where several guests ask for it.

import { openAskers } from './askers.ts';
import type { Binding } from './binding-format.ts';
import type { Claim } from './claim.ts';

export interface Holders {
  /** Of several guests that ask for one port, the one that has it, else the first. */
  ofPort(port: string): Claim | undefined;
  ofDevice(link: string): Claim | undefined;
  /** The guest's claim has changed. */
  note(claim: Claim): void;
}

export function openHolders(
  claims: ReadonlyMap<string, Claim>,
  bindings: ReadonlyMap<string, Binding>,
): Holders {
  const askers = openAskers();
  for (const { key, ports } of claims.values()) askers.set(key, ports);

  /** The first of all claims where several ask. */
  const only = (keys: ReadonlySet<string>, asks: (claim: Claim) => boolean): Claim | undefined => {
    if (keys.size > 1) return [...claims.values()].find(asks);
    const [key] = keys;
    return key === undefined ? undefined : claims.get(key);
  };

  return {
    ofPort(port) {
      const asks = (claim: Claim | undefined) => claim?.ports.some((wish) => wish.port === port) === true;
      const owner = claims.get(bindings.get(port)?.key ?? '');
      return asks(owner) ? owner : only(askers.forPort(port), asks);
    },
    ofDevice(link) {
      const keys = askers.forDevice(link);
      const asks = (claim: Claim) => claim.ports.some((wish) => wish.interface === link);
      if (keys.size < 2) return only(keys, asks);
      const bound = [...bindings.values()].filter((binding) => binding.interface === link);
      const owner = bound.map(({ key }) => claims.get(key)).find((claim) => claim && asks(claim));
      return owner ?? only(keys, asks);
    },
    note: ({ key, ports }) => askers.set(key, ports),
  };
}
