// What one event leads to: its block, what it means, the ports, and what others should have because of it.

import type { Caller } from '../core/events/caller.ts';
import type { EventResult } from '../core/events/event-result.ts';
import { desiredKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { factsOf, factsOfGuest } from '../core/guest/runtimes.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { asAgentError } from '../core/lib/errors.ts';
import type { JsonObject } from '../core/lib/json.ts';
import { type Once, once } from '../core/lib/once.ts';
import type { Resolution, Source, Sources } from '../runtimes/source.ts';
import type { Apply } from './apply.ts';
import type { Dependents } from './dependents.ts';
import { EVENTS, phaseAction } from './event-actions.ts';
import { eventData } from './event-data.ts';
import type { ReportedEvents } from './reported-events.ts';
import { resultMessage } from './result-message.ts';

/** An event with what is known of how it came. `late`: see `Source.resolve`. */
export interface Handed {
  event: LifecycleEvent;
  caller: Caller | undefined;
  spooled: boolean;
  late: boolean;
}

export interface HandleEventParts {
  config: { readonly hook_deadline: number };
  ledger: Ledger;
  sources: Sources;
  apply: Apply['apply'];
  dependents: Dependents;
  /** Ids of events handled lately, so that one that comes again is known. */
  known: { has(id: string): boolean; add(id: string): void };
  /** Has the guest resynced in so many milliseconds. */
  requeue: (vmid: number, ms: number) => void;
  /** First word of the event's action in the ledger: a backup starts and stops a guest too, for itself. */
  occasionOf: (event: LifecycleEvent) => Promise<'guest' | 'backup'>;
  /** Whether an event of a runtime that tells of everybody's guests is recorded although it leads to nothing; without a resolution it could not be handled. */
  isWorthABlock: ReportedEvents['isWorthABlock'];
  /** Counts one that was not. */
  leaveOut: ReportedEvents['leaveOut'];
  /** An event of a guest that goes by its VMID has its block. */
  onRecorded: (event: LifecycleEvent, height: number) => void;
  /** Milliseconds of the epoch. */
  now: () => number;
  onRetriesChanged: () => void;
  onError: (error: unknown) => void;
}

export interface HandleEvent {
  handle(handed: Handed): Promise<EventResult>;
  /** `recorded` gives the height of the event's block, which is made when it is first asked for. */
  act(event: LifecycleEvent, recorded: Once<number>, late: boolean): Promise<EventResult>;
}

const isRecordedAlways = ({ source }: LifecycleEvent) => factsOf(source).recorded === 'all';

/** Throws only what keeps the ledger from being written: what goes wrong with a guest is in the result and in the ledger. */
export function openHandleEvent(parts: HandleEventParts): HandleEvent {
  const { sources, known } = parts;

  const resolve = (event: LifecycleEvent, late: boolean): Promise<Resolution> =>
    (sources[event.source] as Source<LifecycleEvent>).resolve(event, late);

  /** Its hook has given up waiting by then. */
  const isOverdue = (event: LifecycleEvent) =>
    parts.now() - Date.parse(event.at) > parts.config.hook_deadline * 1000;

  const act: HandleEvent['act'] = async (event, recorded, late) => {
    try {
      // What it means is found out while its block is on the way to the disk; nothing is done before it is there. Whether a
      // container's event is worth a block shows only then.
      const [resolution] = await Promise.all([
        resolve(event, late),
        isRecordedAlways(event) ? recorded() : undefined,
      ]);
      const isReported = isRecordedAlways(event) || parts.isWorthABlock(event, resolution);
      if (isReported) await recorded();
      const ports = await bringAbout(parts, { event, resolution, recorded });
      if (isReported) await noteSkipped(parts, { event, resolution, recorded });
      const ok = ports.every((port) => port.state !== 'failed' && port.state !== 'held');
      const height = (await recorded.made()) ?? null;
      if (height === null) parts.leaveOut(event, resolution);
      return { ok, message: resultMessage(ports, resolution), height, ports };
    } catch (thrown) {
      return await failedResult(parts, event, recorded, thrown);
    } finally {
      parts.onRetriesChanged();
    }
  };

  const handle: HandleEvent['handle'] = async ({ event, caller, spooled, late }) => {
    if (known.has(event.id)) {
      return { ok: true, message: 'this event is known already', height: null, ports: [] };
    }
    const recorded = once(() => record(parts, event, caller, spooled));
    return act(event, recorded, late || isOverdue(event));
  };

  return { handle, act };
}

/** Height of the event's block. */
async function record(
  { ledger, known, occasionOf, onRecorded }: HandleEventParts,
  event: LifecycleEvent,
  caller: Caller | undefined,
  spooled: boolean,
): Promise<number> {
  const occasion = await occasionOf(event);
  const block = await ledger.append(
    entryOf(EVENTS, {
      action: phaseAction(occasion, event.phase),
      data: eventData(event),
      metadata: {
        kind: 'event',
        source: event.source,
        event_id: event.id,
        ...(spooled && { spooled: 'true' }),
        ...caller?.about,
      },
      ...(caller && { user: caller.user, pid: caller.pid }),
    }),
  );
  known.add(event.id);
  if (factsOf(event.source).isKnownByVmid) onRecorded(event, block.height);
  return block.height;
}

/** An event that its source understood. Every block that it leads to has the event's own as its cause. */
interface Resolved {
  event: LifecycleEvent;
  resolution: Resolution;
  recorded: Once<number>;
}

/** The guest gets its ports, and others what they should have because of it. */
async function bringAbout(
  parts: HandleEventParts,
  { event, resolution, recorded }: Resolved,
): Promise<EventResult['ports']> {
  const { guest, requeueAfterMs, dependents = [], addressTransfers = [] } = resolution;
  const resyncDependents = async () => {
    if (dependents.length > 0) await parts.dependents.resyncDependents(dependents, await recorded());
  };
  // What a guest that has ended had is free for others at once; one that goes on has to let go first.
  const hasEnded = resolution.ports?.length === 0;
  if (hasEnded) void resyncDependents().catch(parts.onError);
  const ports = await parts.apply(desiredKeyOf(event), resolution, recorded);
  if (requeueAfterMs !== undefined && guest && factsOfGuest(guest.runtime).isKnownByVmid)
    parts.requeue(guest.vmid, requeueAfterMs);
  if (addressTransfers.length > 0) await parts.dependents.noteAddressTransfers(resolution, await recorded());
  // Not waited for: it needs its own place in the queue.
  if (!hasEnded) void resyncDependents().catch(parts.onError);
  return ports;
}

async function noteSkipped(
  { ledger }: HandleEventParts,
  { event, resolution, recorded }: Resolved,
): Promise<void> {
  if (resolution.skipped.length === 0) return;
  await ledger.append(
    entryOf(EVENTS, {
      action: 'guest_skipped',
      data: { ...eventData(event), reasons: [...resolution.skipped] },
      cause: await recorded(),
    }),
  );
}

/** The result of an event that came to nothing; the ledger has why, unless the event is worth no block. */
async function failedResult(
  { ledger, isWorthABlock, leaveOut }: HandleEventParts,
  event: LifecycleEvent,
  recorded: Once<number>,
  thrown: unknown,
): Promise<EventResult> {
  const error = asAgentError(thrown, 'bad-event', `${event.source} ${event.phase} could not be handled`);
  const failed: EventResult = { ok: false, message: error.toLine(), height: null, ports: [] };
  if (!isRecordedAlways(event) && recorded.made() === undefined && !isWorthABlock(event)) {
    leaveOut(event);
    return failed;
  }
  const height = await recorded();
  const data: JsonObject = { ...eventData(event), code: error.code, error: error.toLine() };
  await ledger.append(entryOf(EVENTS, { action: 'event_failed', data, cause: height }));
  return { ...failed, height };
}
