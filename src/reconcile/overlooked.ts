// Guests that run and get no port, for a NIC or altogether, with the reason: noted as the sources say it.

import { desiredKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { runtimeNameOf } from '../core/guest/runtimes.ts';
import type { Resolution, Source, Sources } from '../runtimes/source.ts';

export interface Overlooked {
  key: string;
  runtime: string;
  /** Undefined for a guest that none has seen by name. */
  name: string | undefined;
  vmid: number | undefined;
  /** Reasons of single NICs begin with `netN:`. */
  reasons: readonly string[];
  /** It was meant to be attached, or looks like it. */
  isSkipped: boolean;
}

export interface OverlookedGuests {
  /** The same sources; what they answer is noted on the way. */
  watch(sources: Sources): Sources;
  all(): Overlooked[];
}

/** After these the guest does not run any more, or has no such NIC. */
const ENDING = new Set(['die', 'destroy', 'pre-stop', 'post-stop', 'net-down', 'detach']);

export function openOverlooked(): OverlookedGuests {
  const guests = new Map<string, Overlooked>();
  const names = new Map<string, string>();

  const note = (runtime: string, key: string, { guest, ports, skipped, note: why }: Resolution) => {
    const name = guest?.name ?? names.get(key);
    const reasons = skipped.length > 0 ? skipped : ports?.length === 0 && why !== '' ? [why] : [];
    if (reasons.length === 0) guests.delete(key);
    else {
      const isSkipped = skipped.length > 0;
      guests.set(key, {
        key,
        runtime: guest?.runtime ?? runtime,
        name,
        vmid: guest?.vmid,
        reasons,
        isSkipped,
      });
    }
  };

  const watched = (runtime: string, source: Source<LifecycleEvent>): Source<LifecycleEvent> => ({
    ...source,
    async resolve(event, late) {
      const key = desiredKeyOf(event);
      if ('name' in event) names.set(key, event.name);
      const resolution = await source.resolve(event, late);
      if (ENDING.has(event.phase) && (resolution.ports?.length ?? 0) === 0) {
        guests.delete(key);
        names.delete(key);
      } else note(runtime, key, resolution);
      return resolution;
    },
    async current() {
      const found = await source.current();
      if (found === undefined) return undefined;
      const present = new Set(found.map(({ key }) => key));
      for (const { key, resolution } of found) note(runtime, key, resolution);
      for (const [key, { runtime: whose }] of guests) {
        if (!present.has(key) && (runtimeNameOf(whose) ?? whose) === runtime) guests.delete(key);
      }
      return found;
    },
  });

  return {
    watch: (sources) =>
      Object.fromEntries(
        Object.entries(sources).map(([runtime, source]) => [
          runtime,
          watched(runtime, source as Source<LifecycleEvent>),
        ]),
      ) as Sources,
    all: () => [...guests.values()],
  };
}
