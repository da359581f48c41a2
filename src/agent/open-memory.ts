// Opens what the agent remembers of guests: what each should have, what is tried again, which events it knows.

import { tail } from '../core/ledger/index.ts';
import { keyedQueue } from '../core/lib/keyed-queue.ts';
import { knownEvents } from '../reconcile/known-events.ts';
import { loadDesiredState } from '../state/desired-state.ts';
import { openPendingRetries } from '../state/pending-retries.ts';
import type { HostParts } from './build-host.ts';
import { PLACES } from './places.ts';

const GUESTS_AT_ONCE = 8;
/** Blocks to look through for events that were handled just before a restart. */
const REMEMBERED_BLOCKS = 5_000;

export type Memory = Awaited<ReturnType<typeof openMemory>>;

export async function openMemory({ config, log, steady }: HostParts) {
  const desiredState = await loadDesiredState(PLACES.bindings, log.warning);
  const pendingRetries = openPendingRetries(steady);
  const recent = await tail(config.ledger.path, REMEMBERED_BLOCKS);
  const known = knownEvents(recent.flatMap((block) => block.metadata.event_id ?? []));
  return { desiredState, pendingRetries, known, guestQueue: keyedQueue(GUESTS_AT_ONCE) };
}
