// Resyncs single Proxmox guests, because of something that no event tells: a NIC plugged, a configuration changed.

import { desiredKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { factsOfGuest } from '../core/guest/runtimes.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { Resolution } from '../runtimes/source.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { EVENTS } from './event-actions.ts';

/** Between Proxmox's pre-start and the moment its last NIC is plugged. */
const START_MS = 120_000;

export interface ResyncParts {
  ledger: Ledger;
  desiredState: DesiredState;
  guestQueue: KeyedQueue;
  /** What a Proxmox guest should have now; undefined when the number is none of Proxmox's here. */
  guestAt: (vmid: number) => Promise<Resolution | undefined>;
  /** Brings the guest to what it should have. */
  apply: (key: string, resolution: Resolution, cause: () => Promise<number>) => Promise<unknown>;
  /** Has the guest resynced in so many milliseconds. */
  requeue: (vmid: number, ms: number) => void;
  /** Milliseconds of the epoch. */
  now: () => number;
}

export interface Resync {
  /** False when the number is no Proxmox guest's here. One resync answers all who ask before it begins. */
  resync(vmid: number, reason: string): Promise<boolean>;
  /** Notes a hookscript's event with the height of its block: what is plugged during a start is plugged because of it. */
  note(event: LifecycleEvent, height: number): void;
}

export function openResync(parts: ResyncParts): Resync {
  const { ledger, desiredState, guestQueue, guestAt, apply, now } = parts;
  const starts = new Map<string, { height: number; at: number }>();
  /** Guests whose next resync has not begun yet: it will see what happened until then. */
  const waiting = new Map<string, Promise<boolean>>();

  const startOf = (key: string): number | undefined => {
    const start = starts.get(key);
    return start !== undefined && now() - start.at < START_MS ? start.height : undefined;
  };
  const recordSeen = async (vmid: number, reason: string): Promise<number> => {
    const data = { vmid, reason };
    const metadata = { kind: 'event' };
    return (await ledger.append(entryOf(EVENTS, { action: 'guest_seen', data, metadata }))).height;
  };

  const resyncNow = async (key: string, vmid: number, reason: string): Promise<boolean> => {
    const resolution = await guestAt(vmid);
    const former = desiredState.get(key);
    if (resolution === undefined && !(former && factsOfGuest(former.guest.runtime).isKnownByVmid))
      return false;
    if (resolution?.requeueAfterMs !== undefined) parts.requeue(vmid, resolution.requeueAfterMs);
    let height: Promise<number> | undefined;
    const cause = () => {
      const start = startOf(key);
      height ??= start === undefined ? recordSeen(vmid, reason) : Promise.resolve(start);
      return height;
    };
    await apply(key, resolution ?? { ports: [], skipped: [], note: '' }, cause);
    return true;
  };

  return {
    resync(vmid, reason) {
      const key = `vmid:${vmid}`;
      const next = waiting.get(key);
      if (next !== undefined) return next;
      const mine = guestQueue.run(key, () => {
        waiting.delete(key);
        return resyncNow(key, vmid, reason);
      });
      waiting.set(key, mine);
      return mine;
    },
    note(event, height) {
      const key = desiredKeyOf(event);
      if (event.phase === 'pre-start') starts.set(key, { height, at: now() });
      else starts.delete(key);
    },
  };
}
