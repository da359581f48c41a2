// Says when to reconcile: at once when a daemon comes back or a port of ours changed, by back-off, and on a timer.

import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { Troubles } from '../state/pending-retries.ts';
import type { Agent } from './agent.ts';
import { type News, newsOf, treesTurned } from './ovsdb-events.ts';
import { TIMER } from './reconcile-all.ts';

export interface ReconcilerParts {
  agent: Agent;
  ovsdb: OvsdbClient;
  troubles: Troubles;
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
  const { agent, ovsdb, troubles, isAskedFor, canReturn, intervalMs, debounceMs, onError } = parts;
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
  const lookInto = async (news: Exclude<News, { kind: 'appeared' | 'bridge' }>) => {
    const known = await agent.look(news.vmid, news.text);
    if (known || news.kind !== 'lost') return;
    // One whose device is gone as well has most likely lost its guest, whose own event is on its way.
    const now = await canReturn(news.port);
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
    for (const news of newsOf(changes)) {
      if (news.kind === 'bridge') {
        if (troubles.all().some(({ bridge }) => bridge === news.bridge)) soon(news.text);
        continue;
      }
      if (news.kind === 'appeared') {
        // OVSDB has run late what we had given up, and its guest is gone.
        if (!isAskedFor(news.port)) soon(`nobody asks for a port: ${news.text}`);
        continue;
      }
      if (news.kind === 'lost' && !isAskedFor(news.port)) continue;
      void lookInto(news).catch(onError);
    }
  });

  return {
    soon,
    rearm,
    plan() {
      clearTimeout(retryTimer);
      const wait = troubles.dueIn();
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
