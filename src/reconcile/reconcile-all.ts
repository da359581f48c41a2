// Brings everything to what the guests that run now should have: what happens at start, after a fault and by the timer.

import type { PortReport } from '../core/events/event-result.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { isAgentError } from '../core/lib/errors.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { RECONCILES } from '../state/ledger-actions.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import type { Apply } from './apply.ts';
import type { Convergence } from './converge.ts';
import type { DeferredEvents } from './deferred-events.ts';
import { queueKeyOf } from './dependents.ts';

/** The reason of a reconcile that nothing in particular asked for. */
export const TIMER = 'timer';

export interface ReconcileParts extends Convergence, Pick<Apply, 'scopeOf' | 'isInWork'> {
  config: { readonly bridges: { readonly [name: string]: { readonly create: boolean } } };
  ledger: Ledger;
  desiredState: DesiredState;
  pendingRetries: PendingRetries;
  guestQueue: KeyedQueue;
  deferred: DeferredEvents;
  /** Whether the switch can be worked on. */
  ready: () => Promise<boolean>;
  /** Asks every runtime what runs. */
  refresh: (cause: () => Promise<number>) => Promise<void>;
  /** Brings the host to what the guests publish now; what goes wrong is among the pending retries and in the ledger. */
  publish: (cause: () => Promise<number>) => Promise<void>;
  isStopping: () => boolean;
  onRetriesChanged: () => void;
}

/**
 * `reason` is for the ledger. One at a time; whoever asks while one runs gets the next, which sees everything that happened
 * before. Throws `ledger-write-failed`, and what OVSDB says.
 */
export function openReconcile(parts: ReconcileParts): (reason: string) => Promise<PortReport[]> {
  let running: Promise<PortReport[]> | undefined;
  let next: Promise<PortReport[]> | undefined;
  const reconcile = (reason: string): Promise<PortReport[]> => {
    if (running === undefined) {
      running = reconcileNow(parts, reason)
        .catch((error: unknown) => {
          if (isAgentError(error, 'ledger-write-failed')) parts.deferred.note(error);
          throw error;
        })
        .finally(() => {
          running = undefined;
        });
      return running;
    }
    const current = running;
    next ??= current
      .catch(() => [])
      .then(() => {
        next = undefined;
        return reconcile(reason);
      });
    return next;
  };
  return reconcile;
}

async function reconcileNow(parts: ReconcileParts, reason: string): Promise<PortReport[]> {
  const { ledger, desiredState, converge, guestQueue, deferred, scopeOf, isInWork } = parts;
  if (parts.isStopping() || !(await parts.ready())) return [];
  if (!(await deferred.handleDeferred())) return [];
  let height: Promise<number> | undefined;
  const cause = () => {
    height ??= ledger
      .append(entryOf(RECONCILES, { action: 'reconcile', data: { reason }, metadata: { kind: 'event' } }))
      .then((block) => block.height);
    return height;
  };
  const ensureBridges = Object.entries(parts.config.bridges).flatMap(([name, { create }]) =>
    create ? [name] : [],
  );
  await converge({ desired: [], inScope: () => false, ensureBridges, cause, withProfiles: false });
  await parts.refresh(cause);
  const asked = desiredState.all();
  // Nearly always nothing is to be done: one look at the switch tells for all guests.
  const settled = await parts.settled(
    asked.map(({ key, guest, ports }) => ({
      key,
      desired: ports,
      inScope: scopeOf(key, ports, guest.vmid),
    })),
  );
  const reports = await Promise.all(
    asked.map(({ key, guest, ports }, index) => {
      if (settled[index]) return ports.map(unchanged);
      return guestQueue.run(queueKeyOf({ key, guest }), async () => {
        const desiredGuest = desiredState.get(key);
        if (desiredGuest === undefined) return [];
        if (reason === TIMER && desiredGuest.ports.some(({ port }) => parts.pendingRetries.isWaiting(port)))
          return [];
        return converge({
          key,
          desired: desiredGuest.ports,
          inScope: scopeOf(key, desiredGuest.ports, desiredGuest.guest.vmid),
          cause,
          withProfiles: false,
        });
      });
    }),
  );
  if (parts.isStopping()) return reports.flat();
  const isLeftOver = (port: string) => desiredState.ofPort(port) === undefined && !isInWork(port);
  // After the ports: they work without their bridge's own interface, which takes seconds to come up again.
  const leftovers = await converge({
    desired: [],
    inScope: isLeftOver,
    restoreBridges: ensureBridges,
    cause,
  });
  await parts.publish(cause);
  deferred.clear();
  parts.onRetriesChanged();
  return [...reports.flat(), ...leftovers];
}

const unchanged = ({ port, interface: link, bridge }: DesiredPort): PortReport => ({
  port,
  interface: link,
  bridge,
  state: 'unchanged',
});
