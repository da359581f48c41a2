// Resyncs single Docker containers that are ours, because their networks have changed.

import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Resolution } from '../runtimes/source.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { queueKeyOf } from './dependents.ts';
import { EVENTS } from './event-actions.ts';

export interface ContainerResyncParts {
  ledger: Pick<Ledger, 'append'>;
  desiredState: Pick<DesiredState, 'get'>;
  guestQueue: KeyedQueue;
  /** What a Docker container should have now. */
  containerAt: (id: string) => Promise<Resolution>;
  /** Brings the guest to what it should have. */
  apply: (key: string, resolution: Resolution, cause: () => Promise<number>) => Promise<unknown>;
}

const networksOf = (ports: readonly DesiredPort[]) => JSON.stringify(ports.map(({ veth }) => veth?.networks));

/**
 * Resolves when the container has what it should have with the networks that Docker says it has now. Docker tells of these
 * at each start and end as well: then, and for containers that are none of ours, nothing is done or recorded.
 */
export function openContainerResync({
  ledger,
  desiredState,
  guestQueue,
  containerAt,
  apply,
}: ContainerResyncParts) {
  return async (id: string, reason: string): Promise<void> => {
    const key = `docker:${id}`;
    const guest = desiredState.get(key)?.guest;
    if (guest === undefined) return;
    await guestQueue.run(queueKeyOf({ key, guest }), async () => {
      const former = desiredState.get(key);
      if (former === undefined) return;
      const resolution = await containerAt(id);
      const { ports = [] } = resolution;
      if (ports.length === 0 || networksOf(ports) === networksOf(former.ports)) return;
      const data = { guest: guest.name, vmid: guest.vmid, reason };
      const metadata = { kind: 'event' };
      const { height } = await ledger.append(entryOf(EVENTS, { action: 'guest_seen', data, metadata }));
      await apply(key, resolution, async () => height);
    });
  };
}
