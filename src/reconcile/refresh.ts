// Asks every runtime what runs, and remembers what its guests should have.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { factsOfGuest, runtimeNameOf } from '../core/guest/runtimes.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { Resolution, Source, Sources } from '../runtimes/source.ts';
import type { Claims } from '../state/desired-state.ts';
import { queueKeyOf } from './dependents.ts';
import type { EventOrder } from './event-order.ts';

export interface RefreshParts {
  claims: Claims;
  sources: Sources;
  guestQueue: KeyedQueue;
  order: EventOrder;
  noteMoves: (resolution: Resolution, cause: number) => Promise<void>;
  /** Has the guest looked at again in so many milliseconds. */
  lookLater: (vmid: number, ms: number) => void;
  /** What keeps a look at one runtime from being taken. */
  onError: (error: unknown) => void;
}

export function openRefresh(parts: RefreshParts): (cause: () => Promise<number>) => Promise<void> {
  const { claims, sources, guestQueue, order } = parts;
  // A source that cannot tell keeps its guests as they are.
  return async (cause) => {
    const silent = new Set<string>();
    const seen = new Set<string>();
    const isNewer = order.beginLook();
    for (const [name, source] of Object.entries(sources) as [string, Source<LifecycleEvent>][]) {
      const found = await source.current().catch((error: unknown) => {
        parts.onError(error);
        return undefined;
      });
      if (found === undefined) silent.add(name);
      for (const { key, resolution } of found ?? []) {
        seen.add(key);
        const { guest, again, moves = [] } = resolution;
        if (moves.length > 0) await parts.noteMoves(resolution, await cause());
        if (guest === undefined || resolution.ports === undefined) continue;
        if (again !== undefined && factsOfGuest(guest.runtime).isKnownByVmid)
          parts.lookLater(guest.vmid, again);
        await guestQueue.run(queueKeyOf({ key, guest }), async () => {
          if (resolution.guest === undefined || isNewer(key)) return;
          await claims.set({ key, guest: resolution.guest, ports: resolution.ports ?? [] });
        });
      }
    }
    for (const { key, guest } of claims.all()) {
      const runtime = runtimeNameOf(guest.runtime) ?? guest.runtime;
      if (!seen.has(key) && !silent.has(runtime) && !isNewer(key))
        await claims.set({ key, guest, ports: [] });
    }
  };
}
