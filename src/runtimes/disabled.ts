// A runtime that the configuration leaves out: its events are recorded, its guests get no ports.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import type { Resolution, Source } from './source.ts';

/** @param section its section of the configuration */
export function disabledSource(section: string): Source<LifecycleEvent> {
  return {
    resolve: async () => leftOut(section),
    current: async () => [],
  };
}

export const leftOut = (section: string): Resolution => ({
  skipped: [],
  note: `[${section}] is not enabled in the configuration`,
});
