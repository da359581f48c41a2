// How many events of one guest the ledger takes: what a guest can cause by itself has a bound, and what was left out is told.

import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { EVENTS } from './event-actions.ts';

/** So many at once, then one for each interval; a container that is started, checked and removed makes about six. */
const BURST = 30;
const EACH_MS = 20_000;
/** What was left out is told at most this often for each guest. */
const SUM_MS = 300_000;
/** Guests beyond this share one budget. */
const GUESTS_MAX = 4096;

export interface EventLimits {
  /** Whether the guest may have another event recorded now; takes from what it may have. */
  admit(key: string): boolean;
  /** Counts an event that is not recorded because of that. */
  leaveOut(key: string, event: LifecycleEvent): void;
  /** Tells what is still untold. */
  close(): Promise<void>;
}

interface Budget {
  left: number;
  at: number;
}

interface Sum {
  name: string;
  since: string;
  count: number;
  phases: Record<string, number>;
  timer: NodeJS.Timeout;
}

export interface EventLimitParts {
  ledger: Pick<Ledger, 'append'>;
  /** Milliseconds of a clock that is never set. */
  now: () => number;
  onError: (error: unknown) => void;
}

export function openEventLimits({ ledger, now, onError }: EventLimitParts): EventLimits {
  const budgets = new Map<string, Budget>();
  const sums = new Map<string, Sum>();

  const budgetOf = (key: string): Budget => {
    const found = budgets.get(key);
    if (found) return found;
    for (const [other, { left, at }] of budgets) {
      if (left + (now() - at) / EACH_MS >= BURST) budgets.delete(other);
    }
    if (budgets.size >= GUESTS_MAX) return budgetOf('');
    const fresh = { left: BURST, at: now() };
    budgets.set(key, fresh);
    return fresh;
  };

  const report = async (key: string): Promise<void> => {
    const sum = sums.get(key);
    if (sum === undefined) return;
    clearTimeout(sum.timer);
    sums.delete(key);
    const { name, since, count, phases } = sum;
    const data = { guest: name, key, since, count, phases };
    await ledger.append(entryOf(EVENTS, { action: 'events_left_out', data }));
  };

  return {
    admit(key) {
      const budget = budgetOf(key);
      budget.left = Math.min(BURST, budget.left + (now() - budget.at) / EACH_MS);
      budget.at = now();
      if (budget.left < 1) return false;
      budget.left -= 1;
      return true;
    },
    leaveOut(key, event) {
      let sum = sums.get(key);
      if (sum === undefined) {
        const timer = setTimeout(() => void report(key).catch(onError), SUM_MS).unref();
        sum = { name: 'name' in event ? event.name : '', since: event.at, count: 0, phases: {}, timer };
        sums.set(key, sum);
      }
      sum.count += 1;
      sum.phases[event.phase] = (sum.phases[event.phase] ?? 0) + 1;
    },
    async close() {
      await Promise.all([...sums.keys()].map(report));
    },
  };
}
