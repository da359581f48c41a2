// Says when to reconcile: at once when a daemon comes back or a port of ours changed, by back-off, and on a timer.

import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { RowChange } from '../core/ovsdb/replica.ts';
import { isOurs } from '../core/plan/observed.ts';
import { type Agent, TIMER } from './agent.ts';
import type { Troubles } from './troubles.ts';

export interface ReconcilerParts {
  agent: Agent;
  ovsdb: OvsdbClient;
  troubles: Troubles;
  intervalMs: number;
  debounceMs: number;
  onError: (error: unknown) => void;
}

export interface Reconciler {
  /** Asks for a reconcile soon; several asks within the debounce become one. */
  soon(reason: string): void;
  /** Plans the next try of what failed. */
  plan(): void;
  close(): void;
}

export function startReconciler(parts: ReconcilerParts): Reconciler {
  const { agent, ovsdb, troubles, intervalMs, debounceMs, onError } = parts;
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
    }, debounceMs);
  };
  const interval = setInterval(() => run(TIMER), intervalMs);

  ovsdb.onConnection((connected) => {
    if (connected) soon('OVSDB is connected');
  });
  ovsdb.onChange((changes) => {
    if (changes.some(isLoss)) soon('a port of ours changed in OVSDB');
  });

  return {
    soon,
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

/** A row of ours that went, or an Interface of ours that ovs-vswitchd cannot use any more. */
function isLoss({ table, before, after }: RowChange): boolean {
  if (table !== 'Port' && table !== 'Interface') return false;
  const marks = before ?? after;
  if (marks === undefined || !('external_ids' in marks) || !isOurs(marks.external_ids)) return false;
  return after === undefined || (table === 'Interface' && 'error' in after && after.error !== undefined);
}
