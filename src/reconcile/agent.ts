// The agent's heart, put together: events become desired state, desired state becomes ports; reconcile does the same for everybody.

import type { Caller } from '../core/events/caller.ts';
import type { EventResult, PortReport } from '../core/events/event-result.ts';
import { guestKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { entryOf } from '../core/ledger/producer.ts';
import { isAgentError } from '../core/lib/errors.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import { once } from '../core/lib/once.ts';
import type { Resolution } from '../runtimes/source.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import { type ApplyParts, openApply } from './apply.ts';
import { openContainerResync } from './container-resync.ts';
import { openDeferred } from './deferred-events.ts';
import { openDependents, queueKeyOf } from './dependents.ts';
import { EVENTS } from './event-actions.ts';
import { openEventOrder } from './event-order.ts';
import { type HandleEventParts, openHandleEvent } from './handle-event.ts';
import { openReconcile, type ReconcileParts } from './reconcile-all.ts';
import { openRefresh } from './refresh.ts';
import { openResync } from './resync.ts';

export interface AgentParts
  extends Omit<ApplyParts, 'order'>,
    Omit<HandleEventParts, 'apply' | 'dependents' | 'onRecorded'>,
    Pick<ReconcileParts, 'config' | 'settled' | 'ready'> {
  config: HandleEventParts['config'] & ReconcileParts['config'];
  pendingRetries: PendingRetries;
  guestQueue: KeyedQueue;
  /** What a Proxmox guest should have now; undefined when the number is none of Proxmox's here. */
  guestAt: (vmid: number) => Promise<Resolution | undefined>;
  /** What a Docker container should have now. */
  containerAt: (id: string) => Promise<Resolution>;
}

export interface Agent {
  /** Never throws for what goes wrong with a guest: that is in the result and in the ledger. */
  handle(event: LifecycleEvent, caller?: Caller, spooled?: boolean): Promise<EventResult>;
  /** Does what an event asked for that an earlier run recorded at `height`, and may have died before it acted. */
  finish(event: LifecycleEvent, height: number): Promise<EventResult>;
  /**
   * Brings one Proxmox guest to what it should have now, because of something that no event tells; `reason` is for the
   * ledger. False when the number is no Proxmox guest's here.
   */
  resync(vmid: number, reason: string): Promise<boolean>;
  /** The same for a Docker container whose networks have changed; one that is none of ours is left alone. */
  resyncContainer(id: string, reason: string): Promise<void>;
  /** Takes the ports of one guest away, whatever its runtime says; `reason` is for the ledger. */
  takeAway(key: string, reason: string): Promise<void>;
  /** Begins nothing more of its own; resolves when what is under way has ended. */
  stop(): Promise<void>;
  /** Brings everything to what the guests that run now should have; `reason` is for the ledger. */
  reconcile(reason: string): Promise<PortReport[]>;
}

export function createAgent(parts: AgentParts): Agent {
  const { ledger, desiredState, guestQueue } = parts;
  let stopping = false;
  const order = openEventOrder();
  const { apply, scopeOf, isInWork } = openApply({ ...parts, order });
  const dependents = openDependents({ ...parts, apply });
  const resyncContainer = openContainerResync({ ...parts, apply });
  const resync = openResync({ ...parts, apply, now: () => performance.now() });
  const { handle, act } = openHandleEvent({ ...parts, apply, dependents, onRecorded: resync.note });
  const deferred = openDeferred({ ...parts, handle });
  const reconcile = openReconcile({
    ...parts,
    scopeOf,
    isInWork,
    deferred,
    refresh: openRefresh({ ...parts, order, noteAddressTransfers: dependents.noteAddressTransfers }),
    isStopping: () => stopping,
  });

  return {
    reconcile,
    async resync(vmid, reason) {
      if (stopping) return true;
      try {
        return await resync.resync(vmid, reason);
      } catch (error) {
        if (!isAgentError(error, 'ledger-write-failed')) throw error;
        deferred.note(error);
        return true;
      } finally {
        parts.onRetriesChanged();
      }
    },
    async resyncContainer(id, reason) {
      if (!stopping) await resyncContainer(id, reason);
    },
    async takeAway(key, reason) {
      const desiredGuest = desiredState.get(key);
      if (desiredGuest === undefined) return;
      await guestQueue.run(queueKeyOf(desiredGuest), async () => {
        const data = { reason, guest: desiredGuest.guest.name, vmid: desiredGuest.guest.vmid };
        const metadata = { kind: 'event' };
        const { height } = await ledger.append(
          entryOf(EVENTS, { action: 'guest_withdrawn', data, metadata }),
        );
        await apply(
          key,
          { guest: desiredGuest.guest, ports: [], skipped: [], note: reason },
          async () => height,
        );
      });
    },
    async stop() {
      stopping = true;
      await guestQueue.close();
    },
    handle: (event, caller, spooled = false) =>
      guestQueue.run(guestKeyOf(event), () =>
        deferred.handleOrDefer({ event, caller, spooled, late: spooled }),
      ),
    finish: (event, height) =>
      guestQueue.run(guestKeyOf(event), () =>
        act(
          event,
          once(async () => height),
          true,
        ),
      ),
  };
}
