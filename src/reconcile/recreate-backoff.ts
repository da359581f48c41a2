// When a NIC that keeps vanishing from a running guest is made anew: at once at first, then ever less often.
//
// A guest that may change its own network can delete its NIC as often as it likes, and each new one costs a dozen
// blocks of the ledger: what a guest can cause must have a bound.

import type { Blocker } from '../core/plan/blockers.ts';
import type { DesiredPort } from '../core/plan/desired.ts';

/** A NIC's present row of losses. */
export interface Streak {
  /** The run of the guest that it belongs to: another run has a NIC of its own. */
  life: string;
  /** How often the NIC was made anew. */
  recreations: number;
  /** When it was made last, milliseconds of the steady clock. */
  at: number;
}

const FREE = 3;
const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** So long without a loss, and it is as if there had been none. */
const QUIET_MS = 300_000;

const goesOn = (streak: Streak | undefined, life: string, now: number): streak is Streak =>
  streak?.life === life && now - streak.at < QUIET_MS;

/** The row once the NIC has been made at `now`; a guest's first NIC is no recreation. */
export function made(streak: Streak | undefined, life: string, now: number): Streak {
  if (streak?.life !== life) return { life, recreations: 0, at: now };
  return { life, recreations: goesOn(streak, life, now) ? streak.recreations + 1 : 1, at: now };
}

/** When the NIC may be made anew, milliseconds of the steady clock; undefined when it may be at once. */
export function backoffUntil(streak: Streak | undefined, life: string, now: number): number | undefined {
  if (!goesOn(streak, life, now) || streak.recreations < FREE) return undefined;
  const until = streak.at + Math.min(FIRST_MS * 2 ** (streak.recreations - FREE), LONGEST_MS);
  // Whatever the clock: none holds a guest for longer than it would have waited.
  return until > now && streak.at <= now ? until : undefined;
}

export interface RecreateBackoff {
  /** Why the NIC is not made anew now; undefined when it may be. */
  recreateBlocker(desired: DesiredPort): (Pick<Blocker, 'code' | 'reason'> & { until: number }) | undefined;
  /** Notes that the NIC is about to be made. */
  note(desired: DesiredPort): void;
  /** Whether the present row of losses has not been told yet; from now on it has. */
  isFirstReport(port: string): boolean;
  /** For NICs whose guest has ended, or that a person wants to have now. */
  forget(isOver: (port: string) => boolean): void;
}

/** @param now milliseconds of a clock that nobody sets, such as `performance.now` */
export function openRecreateBackoff(now: () => number): RecreateBackoff {
  const streaks = new Map<string, Streak>();
  const reported = new Set<string>();
  return {
    recreateBlocker(desired) {
      const streak = streaks.get(desired.port);
      const until = backoffUntil(streak, lifeOf(desired), now());
      if (streak === undefined || until === undefined) return undefined;
      const times = streak.recreations + 1;
      const reason = `its card has vanished ${times} times in a row while it ran, so it is made anew ever less often`;
      return { code: 'card-vanishing', reason, until };
    },
    note(desired) {
      const streak = made(streaks.get(desired.port), lifeOf(desired), now());
      if (streak.recreations <= 1) reported.delete(desired.port);
      streaks.set(desired.port, streak);
    },
    isFirstReport(port) {
      const isNew = !reported.has(port);
      reported.add(port);
      return isNew;
    },
    forget(isOver) {
      for (const port of [...streaks.keys()].filter(isOver)) {
        streaks.delete(port);
        reported.delete(port);
      }
    },
  };
}

const lifeOf = ({ guest, veth }: DesiredPort) => `${guest.id ?? guest.name}/${veth?.pid ?? 0}`;
