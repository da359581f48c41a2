// Says when to reconcile: at once when a daemon comes back or a port of ours changed, by back-off, and on a timer.

import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import type { Agent } from './agent.ts';
import { type OvsdbEvent, ovsdbEventsOf, treesTurned } from './ovsdb-events.ts';
import { TIMER } from './reconcile-all.ts';

export interface ReconcilerParts {
  agent: Agent;
  ovsdb: OvsdbClient;
  pendingRetries: PendingRetries;
  /** Whether a guest asks for the port now: what we take away ourselves is no loss. */
  isAskedFor: (port: string) => boolean;
  /** Whether a port that is lost can come back at once: its device is there, and nobody else is at work on it. */
  canReturn: (port: string) => Promise<boolean>;
  /** Milliseconds; read anew each time. */
  intervalMs: () => number;
  debounceMs: () => number;
  onError: (error: unknown) => void;
}

export interface Reconciler {
  /** Asks for a reconcile soon; several asks within the debounce become one. */
  soon(reason: string): void;
  /** Plans the next try of what failed. */
  plan(): void;
  /** The interval has changed. */
  rearm(): void;
  close(): void;
}

export function startReconciler(parts: ReconcilerParts): Reconciler {
  const { agent, ovsdb, pendingRetries, isAskedFor, canReturn, intervalMs, debounceMs, onError } = parts;
  let soonTimer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let closed = false;

  const run = (reason: string) => {
    if (!closed) void agent.reconcile(reason).catch(onError);
  };
  const soon = (reason: string) => {
    soonTimer ??= setTimeout(() => {
      soonTimer = undefined;
      run(reason);
    }, debounceMs());
  };
  const resyncFor = async (event: Exclude<OvsdbEvent, { kind: 'appeared' | 'bridge' }>) => {
    const known = await agent.resync(event.vmid, event.text);
    if (known || event.kind !== 'lost') return;
    // One whose device is gone as well has most likely lost its guest, whose own event is on its way.
    const now = await canReturn(event.port);
    (now ? run : soon)('a port of ours changed in OVSDB');
  };
  let interval: NodeJS.Timeout | undefined;
  const rearm = () => {
    clearInterval(interval);
    if (!closed) interval = setInterval(() => run(TIMER), intervalMs());
  };
  rearm();

  ovsdb.onConnection((connected) => {
    if (connected && !closed) soon('OVSDB is connected');
  });
  ovsdb.onChange((changes) => {
    if (closed) return;
    for (const bridge of treesTurned(changes)) run(`the spanning tree of ${bridge} was turned on or off`);
    for (const event of ovsdbEventsOf(changes)) {
      if (event.kind === 'bridge') {
        if (pendingRetries.all().some(({ bridge }) => bridge === event.bridge)) soon(event.text);
        continue;
      }
      if (event.kind === 'appeared') {
        // OVSDB has run late what we had given up, and its guest is gone.
        if (!isAskedFor(event.port)) soon(`nobody asks for a port: ${event.text}`);
        continue;
      }
      if (event.kind === 'lost' && !isAskedFor(event.port)) continue;
      void resyncFor(event).catch(onError);
    }
  });

  return {
    soon,
    rearm,
    plan() {
      clearTimeout(retryTimer);
      const wait = pendingRetries.dueIn();
      if (wait !== undefined && !closed) retryTimer = setTimeout(() => run('another try'), wait);
    },
    close() {
      closed = true;
      clearInterval(interval);
      clearTimeout(soonTimer);
      clearTimeout(retryTimer);
    },
  };
}
