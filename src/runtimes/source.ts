// What an event, or a look at a runtime, means for the ports of one guest.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import type { Guest } from '../core/guest/guest.ts';
import type { RuntimeName } from '../core/guest/runtimes.ts';
import type { DesiredPort } from '../core/plan/desired.ts';

export interface Resolution {
  /** Undefined when the guest needs no identity: it is none of ours and was not attached. */
  guest?: Guest;
  /** The ports that the guest should have from now on; undefined leaves them as they are. */
  ports?: readonly DesiredPort[];
  /** NICs or whole guests that get no port, and why: for the ledger. */
  skipped: readonly string[];
  /** False: it is none of ours and was not meant to be; nobody needs to hear of it. Undefined where that cannot be told. */
  isOurs?: boolean;
  /** What to say in the task log when there is no port to speak of. */
  note: string;
  /** Addresses of fail-over groups that moved from one member to another by this. */
  addressTransfers?: readonly AddressTransfer[];
  /** Docker's ids of other containers that should have something else now because of it, in the order to look at them. */
  dependents?: readonly string[];
  /** Milliseconds after which the guest wants another resync, whatever happens until then. */
  requeueAfterMs?: number;
}

export interface AddressTransfer {
  group: string;
  addresses: readonly string[];
  /** Names of the containers; null when there is none. */
  from: string | null;
  to: string | null;
}

/** One runtime's knowledge. `current` is undefined when it cannot be known now: then nothing is taken away. */
export interface Source<Event extends LifecycleEvent> {
  /**
   * @param late nobody waits for the event any more, and the guest has gone on since (it was spooled, or the agent
   *   hung): what is there now counts, not what the phase promises. A late `pre-start` must not unplug a running guest.
   */
  resolve(event: Event, late?: boolean): Promise<Resolution>;
  current(): Promise<{ key: string; resolution: Resolution }[] | undefined>;
}

/** Those of one runtime; one that is not told of its guests, but looks for them, has none. */
export type EventOf<Name extends RuntimeName> = Extract<LifecycleEvent, { source: Name }>;

/** One for each runtime. */
export type Sources = { [Name in RuntimeName]: Source<EventOf<Name>> };
