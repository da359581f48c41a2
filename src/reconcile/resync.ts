// Looks at single Proxmox guests, because of something that no event tells: a card plugged, a configuration changed.

import { claimKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { factsOfGuest } from '../core/guest/runtimes.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { Resolution } from '../runtimes/source.ts';
import type { Claims } from '../state/desired-state.ts';

/** Between Proxmox's pre-start and the moment its last card is plugged. */
const START_MS = 120_000;

export interface LooksParts {
  ledger: Ledger;
  claims: Claims;
  guestQueue: KeyedQueue;
  /** What a Proxmox guest should have now; undefined when the number is none of Proxmox's here. */
  lookAt: (vmid: number) => Promise<Resolution | undefined>;
  /** Brings the guest to what it should have. */
  apply: (key: string, resolution: Resolution, cause: () => Promise<number>) => Promise<unknown>;
  /** Has the guest looked at again in so many milliseconds. */
  lookLater: (vmid: number, ms: number) => void;
  /** Milliseconds of the epoch. */
  now: () => number;
}

export interface Looks {
  /** False when the number is no Proxmox guest's here. One look answers all who ask before it begins. */
  look(vmid: number, reason: string): Promise<boolean>;
  /** Notes a hookscript's event with the height of its block: what is plugged during a start is plugged because of it. */
  note(event: LifecycleEvent, height: number): void;
}

export function openLooks(parts: LooksParts): Looks {
  const { ledger, claims, guestQueue, lookAt, apply, now } = parts;
  const starts = new Map<string, { height: number; at: number }>();
  /** Guests whose next look has not begun yet: it will see what happened until then. */
  const waiting = new Map<string, Promise<boolean>>();

  const startOf = (key: string): number | undefined => {
    const start = starts.get(key);
    return start !== undefined && now() - start.at < START_MS ? start.height : undefined;
  };
  const seen = async (vmid: number, reason: string): Promise<number> => {
    const data = { vmid, reason };
    const metadata = { kind: 'event' };
    return (await ledger.append({ category: 'lifecycle', action: 'guest_seen', data, metadata })).height;
  };

  const lookNow = async (key: string, vmid: number, reason: string): Promise<boolean> => {
    const resolution = await lookAt(vmid);
    const former = claims.get(key);
    if (resolution === undefined && !(former && factsOfGuest(former.guest.runtime).isKnownByVmid))
      return false;
    if (resolution?.again !== undefined) parts.lookLater(vmid, resolution.again);
    let height: Promise<number> | undefined;
    const cause = () => {
      const start = startOf(key);
      height ??= start === undefined ? seen(vmid, reason) : Promise.resolve(start);
      return height;
    };
    await apply(key, resolution ?? { ports: [], skipped: [], note: '' }, cause);
    return true;
  };

  return {
    look(vmid, reason) {
      const key = `vmid:${vmid}`;
      const next = waiting.get(key);
      if (next !== undefined) return next;
      const mine = guestQueue.run(key, () => {
        waiting.delete(key);
        return lookNow(key, vmid, reason);
      });
      waiting.set(key, mine);
      return mine;
    },
    note(event, height) {
      const key = claimKeyOf(event);
      if (event.phase === 'pre-start') starts.set(key, { height, at: now() });
      else starts.delete(key);
    },
  };
}
