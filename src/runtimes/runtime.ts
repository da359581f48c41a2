// One runtime as the agent has it: what it is called, what is known of it, what says what its guests should have.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import type { RuntimeFacts, RuntimeName } from '../core/guest/runtimes.ts';
import type { Source, Sources } from './source.ts';

export interface Runtime {
  readonly name: RuntimeName;
  readonly source: Source<LifecycleEvent>;
  /** What others may know of it. */
  readonly describe: RuntimeFacts;
  /** Begins to listen for what no hook tells; not called for one that the configuration leaves out. */
  start?(listener: RuntimeListener): void;
  close?(): unknown;
}

/** Who hears what a runtime listens for. */
export interface RuntimeListener {
  handle(event: LifecycleEvent): Promise<unknown>;
  /** Something about one guest, by the runtime's own identifier, is another now; does not throw. */
  changed(id: string, reason: string): void;
  /** All guests should be looked at. */
  soon(reason: string): void;
  /** What was sent and cannot be handled. */
  noteUnreadable(runtime: RuntimeName, problem: string): void;
}

/** @param runtimes one for each name */
export function sourcesOf(runtimes: readonly Runtime[]): Sources {
  return Object.fromEntries(runtimes.map(({ name, source }) => [name, source])) as unknown as Sources;
}
