// One runtime as the agent has it: what it is called, what is known of it, what says what its guests should have.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { factsOf, type RuntimeFacts, type RuntimeName } from '../core/guest/runtimes.ts';
import { disabledSource } from './disabled.ts';
import type { EventOf, Resolution, Source, Sources } from './source.ts';

/** Who had a guest started or stopped: somebody, or the runtime's own backup. */
export type Occasion = 'guest' | 'backup';

/** What is asked of it without the agent is its `Diagnosis`, see diagnosis.ts. */
export type Runtime<Name extends RuntimeName = RuntimeName> = RuntimeParts<Name, EventOf<Name>>;

interface RuntimeParts<Name extends RuntimeName, Event extends LifecycleEvent> {
  readonly name: Name;
  readonly source: Source<Event>;
  /** What others may know of it. */
  readonly describe: RuntimeFacts;
  /** Begins, or goes on, to watch what has to be watched before all guests are looked at; each reconcile waits for it. */
  ensure?(): Promise<unknown>;
  /** Begins to listen for what no hook tells; not called for one that the configuration leaves out. */
  start?(listener: RuntimeListener): void;
  /** Where guests are started for its own backups as well. */
  occasionOf?(event: Event): Promise<Occasion>;
  /** What the guest of that number should have now; undefined when it is none of its guests. */
  guestAt?(vmid: number): Promise<Resolution | undefined>;
  close?(): unknown;
}

/** All of them; the type checker asks for each name. */
export type Runtimes = { readonly [Name in RuntimeName]: Runtime<Name> };

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

/** One that the configuration leaves out has its events recorded, and listens to nothing. */
export function leftOutRuntime<Name extends RuntimeName>(name: Name): Runtime<Name> {
  return { name, describe: factsOf(name), source: disabledSource(name) };
}

/** In the order in which they are registered. */
export const listOf = (runtimes: Runtimes): readonly Runtime[] => Object.values(runtimes);

export function sourcesOf(runtimes: Runtimes): Sources {
  const sources = listOf(runtimes).map(({ name, source }) => [name, source]);
  // `Runtimes` has each name, and so has this.
  return Object.fromEntries(sources) as unknown as Sources;
}

/** By the runtime that tells of the event; `guest` where it has no backups of its own. */
export async function occasionOf(runtimes: Runtimes, event: LifecycleEvent): Promise<Occasion> {
  const runtime: Runtime = runtimes[event.source];
  return (await runtime.occasionOf?.(event)) ?? 'guest';
}

/** Of the first runtime that says that the guest of that number is its own. */
export async function guestAt(runtimes: Runtimes, vmid: number): Promise<Resolution | undefined> {
  for (const runtime of listOf(runtimes)) {
    const resolution = await runtime.guestAt?.(vmid);
    if (resolution !== undefined) return resolution;
  }
  return undefined;
}
