// What the ledger says of an event; pure.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import type { Json, JsonObject } from '../core/lib/json.ts';

/** `data` of the event's block: everything the source said but its id, which is metadata. */
export function eventData(event: LifecycleEvent): JsonObject {
  const { id: _id, source: _source, ...fields } = event;
  const data: JsonObject = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined)
      data[key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value as Json;
  }
  return data;
}
