// Asks every runtime what runs, and remembers what its guests should have.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { factsOfGuest, runtimeNameOf } from '../core/guest/runtimes.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { Resolution, Source, Sources } from '../runtimes/source.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { queueKeyOf } from './dependents.ts';
import type { EventOrder } from './event-order.ts';

export interface RefreshParts {
  desiredState: DesiredState;
  sources: Sources;
  guestQueue: KeyedQueue;
  order: EventOrder;
  noteAddressTransfers: (resolution: Resolution, cause: number) => Promise<void>;
  /** Has the guest resynced in so many milliseconds. */
  requeue: (vmid: number, ms: number) => void;
  /** What keeps a look at one runtime from being taken. */
  onError: (error: unknown) => void;
}

export function openRefresh(parts: RefreshParts): (cause: () => Promise<number>) => Promise<void> {
  const { desiredState, sources, guestQueue, order } = parts;
  // A source that cannot tell keeps its guests as they are.
  return async (cause) => {
    const silent = new Set<string>();
    const observedKeys = new Set<string>();
    const isNewer = order.beginRefresh();
    for (const [name, source] of Object.entries(sources) as [string, Source<LifecycleEvent>][]) {
      const found = await source.current().catch((error: unknown) => {
        parts.onError(error);
        return undefined;
      });
      if (found === undefined) silent.add(name);
      for (const { key, resolution } of found ?? []) {
        observedKeys.add(key);
        const { guest, requeueAfterMs, addressTransfers = [] } = resolution;
        if (addressTransfers.length > 0) await parts.noteAddressTransfers(resolution, await cause());
        if (guest === undefined || resolution.ports === undefined) continue;
        if (requeueAfterMs !== undefined && factsOfGuest(guest.runtime).isKnownByVmid)
          parts.requeue(guest.vmid, requeueAfterMs);
        await guestQueue.run(queueKeyOf({ key, guest }), async () => {
          if (resolution.guest === undefined || isNewer(key)) return;
          await desiredState.set({ key, guest: resolution.guest, ports: resolution.ports ?? [] });
        });
      }
    }
    for (const { key, guest } of desiredState.all()) {
      const runtime = runtimeNameOf(guest.runtime) ?? guest.runtime;
      if (!observedKeys.has(key) && !silent.has(runtime) && !isNewer(key))
        await desiredState.set({ key, guest, ports: [] });
    }
  };
}
