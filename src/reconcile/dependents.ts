// What happens to one container and changes what others should have, such as an address that moves on.

import { factsOfGuest, runtimeNameOf } from '../core/guest/runtimes.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { Resolution } from '../runtimes/source.ts';
import type { DesiredGuest, DesiredState } from '../state/desired-state.ts';
import { EVENTS } from './event-actions.ts';

export interface DependentsParts {
  ledger: Pick<Ledger, 'append'>;
  desiredState: Pick<DesiredState, 'get'>;
  guestQueue: KeyedQueue;
  /** What a Docker container should have now. */
  containerAt: (id: string) => Promise<Resolution>;
  /** Brings the guest to what it should have. */
  apply: (key: string, resolution: Resolution, cause: () => Promise<number>) => Promise<unknown>;
}

export interface Dependents {
  /** One after the other, in that order; not to be waited for in a guest's own place in the queue. */
  resyncDependents(ids: readonly string[], cause: number): Promise<void>;
  /** Into the ledger: which addresses moved from whom to whom. */
  noteAddressTransfers(resolution: Resolution, cause: number): Promise<void>;
}

export function openDependents({
  ledger,
  desiredState,
  guestQueue,
  containerAt,
  apply,
}: DependentsParts): Dependents {
  const noteAddressTransfers: Dependents['noteAddressTransfers'] = async (
    { addressTransfers = [] },
    cause,
  ) => {
    for (const { group, addresses, from, to } of addressTransfers) {
      const data = { group, addresses: [...addresses], from, to };
      await ledger.append(entryOf(EVENTS, { action: 'address_moved', data, cause }));
    }
  };
  return {
    noteAddressTransfers,
    async resyncDependents(ids, cause) {
      for (const id of ids) {
        const key = `docker:${id}`;
        const guest = desiredState.get(key)?.guest;
        if (guest === undefined) continue;
        await guestQueue.run(queueKeyOf({ key, guest }), async () => {
          const resolution = await containerAt(id);
          await apply(key, resolution, async () => cause);
          await noteAddressTransfers(resolution, cause);
        });
      }
    },
  };
}

/** The queue of the guest's events (`guestKeyOf`). */
export function queueKeyOf({ key, guest }: Pick<DesiredGuest, 'key' | 'guest'>): string {
  return factsOfGuest(guest.runtime).queuedBy === 'name'
    ? `${runtimeNameOf(guest.runtime)}:${guest.name}`
    : key;
}
