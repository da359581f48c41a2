// Events that came while the ledger could not be written: nothing is done that cannot be recorded, so they come again.

import type { EventResult } from '../core/events/event-result.ts';
import { guestKeyOf } from '../core/events/lifecycle-event.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { type AgentError, isAgentError } from '../core/lib/errors.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import { EVENTS } from './event-actions.ts';
import type { Handed, HandleEvent } from './handle-event.ts';

/** Events kept in memory while the ledger cannot be written; a host has far fewer guests. */
const DEFERRED_MAX = 10_000;
/** Stands among the pending retries where others have the name of their port. */
const LEDGER_RETRY = 'ledger';

export interface DeferredParts {
  ledger: Pick<Ledger, 'append'>;
  pendingRetries: PendingRetries;
  guestQueue: KeyedQueue;
  handle: HandleEvent['handle'];
  onRetriesChanged: () => void;
}

export interface DeferredEvents {
  /** Handles the event, or keeps it for later and says so. */
  handleOrDefer(handed: Handed): Promise<EventResult>;
  /** Tries those again that wait; true when none is left. */
  handleDeferred(): Promise<boolean>;
  /** The ledger cannot be written: told once, whatever asked. */
  note(error: AgentError): void;
  /** It can, as far as events are concerned. */
  clear(): void;
}

export function openDeferred(parts: DeferredParts): DeferredEvents {
  const { ledger, pendingRetries, guestQueue, handle } = parts;
  /** By the event's id, in the order in which they came. */
  const deferred = new Map<string, Handed>();
  /** How many events there was no room for. */
  let lost = 0;
  const note = ({ code, reason }: AgentError) => {
    pendingRetries.note({ port: LEDGER_RETRY, bridge: '', code, reason });
    parts.onRetriesChanged();
  };
  const handleOrDefer: DeferredEvents['handleOrDefer'] = async (handed) => {
    try {
      return await handle(handed);
    } catch (error) {
      if (!isAgentError(error, 'ledger-write-failed')) throw error;
      // One try for all of them: else each event would make the next try later.
      if (deferred.size === 0) note(error);
      // A hook that was told to wait hands its event in a second time, by the bus.
      const kept = deferred.get(handed.event.id);
      const isKept = kept !== undefined;
      const hasRoom = deferred.size < DEFERRED_MAX;
      if (!isKept && hasRoom) deferred.set(handed.event.id, { ...handed, late: true });
      // And once more when it has taken rows out of the switch because of that.
      const { swept } = handed.event;
      if (kept && swept) deferred.set(kept.event.id, { ...kept, event: { ...kept.event, swept } });
      if (!isKept && !hasRoom) lost += 1;
      const message =
        isKept || hasRoom
          ? `waits until the ledger can be written: ${error.toLine()}`
          : `is not recorded, ${DEFERRED_MAX} events wait already: ${error.toLine()}`;
      return { ok: false, message, height: null, ports: [] };
    }
  };
  const handleDeferred = async () => {
    const waiting = [...deferred.values()];
    deferred.clear();
    for (const handed of waiting) {
      await guestQueue.run(guestKeyOf(handed.event), () => handleOrDefer(handed));
    }
    if (deferred.size > 0) return false;
    if (lost === 0) return true;
    const reason = 'the ledger could not be written, and too many waited already';
    const data = { count: lost, reason };
    await ledger.append(entryOf(EVENTS, { action: 'events_lost', data }));
    lost = 0;
    return true;
  };

  return {
    handleOrDefer,
    handleDeferred,
    note,
    clear() {
      if (deferred.size === 0) pendingRetries.clear(LEDGER_RETRY);
    },
  };
}
