// What the ledger says of events, of guests that no event told of, and of ports that no step was about.

import { z } from 'zod';
import { type LifecycleEvent, lifecycleEventSchema } from '../core/events/lifecycle-event.ts';
import { factsOf } from '../core/guest/runtimes.ts';
import { actionsOf, type LedgerProducer } from '../core/ledger/producer.ts';
import type { JsonObject } from '../core/lib/json.ts';

type EventShape = (typeof lifecycleEventSchema.options)[number];

const text = z.string();
const texts = z.array(text);
const count = z.number();

/** What an event's block may hold is known when it is read: tests compare every block with it. */
type EventData = z.ZodType<JsonObject, JsonObject>;

type Snake<Text extends string> = Text extends `${infer Head}-${infer Rest}`
  ? `${Head}_${Snake<Rest>}`
  : Text;
type PhaseAction = `${Occasion}_${Snake<LifecycleEvent['phase']>}`;
/** A backup starts and stops a guest too, for itself. */
export type Occasion = 'guest' | 'backup';

export const phaseAction = (occasion: Occasion, phase: LifecycleEvent['phase']): PhaseAction =>
  `${occasion}_${phase.replaceAll('-', '_')}` as PhaseAction;

/** What `eventData` makes of an event of that shape, and `more`. */
function said(event: EventShape, more: Record<string, z.ZodType> = {}): EventData {
  const { id: _id, source: _source, ...shape } = event.shape;
  const entries = Object.entries(shape).map(([key, value]): [string, z.ZodType] => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value as z.ZodType,
  ]);
  return z.strictObject({ ...Object.fromEntries(entries), ...more }) as unknown as EventData;
}
const ofAny = (more: Record<string, z.ZodType>): EventData =>
  z.union(lifecycleEventSchema.options.map((event) => said(event, more)));

/** One for each phase of each source; what a runtime does for a backup has words of its own. */
function phases(): Record<PhaseAction, EventData> {
  const shapes: Partial<Record<PhaseAction, EventData>> = {};
  for (const event of lifecycleEventSchema.options) {
    const { startsForBackup } = factsOf(event.shape.source.value);
    const occasions: Occasion[] = startsForBackup ? ['guest', 'backup'] : ['guest'];
    for (const occasion of occasions)
      for (const phase of event.shape.phase.options) {
        const action = phaseAction(occasion, phase);
        const former = shapes[action];
        shapes[action] = former === undefined ? said(event) : z.union([former, said(event)]);
      }
  }
  return shapes as Record<PhaseAction, EventData>;
}

export const EVENTS = {
  name: 'events',
  categories: ['lifecycle', 'connectivity'],
  actions: {
    ...actionsOf('lifecycle', {
      ...phases(),
      guest_seen: z.strictObject({ vmid: count, reason: text, guest: text.optional() }),
      guest_withdrawn: z.strictObject({ vmid: count, reason: text, guest: text }),
      guest_skipped: ofAny({ reasons: texts }),
      event_failed: ofAny({ code: text, error: text }),
      event_unreadable: z.strictObject({ source: text, problem: text }),
      spool_rejected: z.strictObject({ file: text, problem: text }),
      events_lost: z.strictObject({ count, reason: text }),
      events_left_out: z.strictObject({
        guest: text,
        key: text,
        since: text,
        count,
        phases: z.record(text, count),
      }),
    }),
    ...actionsOf('connectivity', {
      address_moved: z.strictObject({
        group: text,
        addresses: texts,
        from: text.nullable(),
        to: text.nullable(),
      }),
    }),
  },
} satisfies LedgerProducer;

const port = { port: text, bridge: text };

export const PORTS = {
  name: 'ports',
  categories: ['port'],
  actions: actionsOf('port', {
    port_held: z.strictObject({ ...port, code: text, reason: text }),
    port_found: z.strictObject({ ...port, interface: text, driver: text }),
    port_gone: z.strictObject({ ...port, interface: text, reason: text }),
  }),
} satisfies LedgerProducer;
