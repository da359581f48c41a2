// What could not be done yet, and when it is tried again: 1 s, 2 s, 4 s … up to five minutes.

import type { ErrorCode } from '../core/errors.ts';

export interface Trouble {
  port: string;
  bridge: string;
  code: ErrorCode;
  reason: string;
  attempts: number;
  /** RFC 3339. */
  since: string;
  nextTry: string;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 300_000;

export interface Troubles {
  /**
   * Notes a failure; returns true when it is news and not the same once more. `until`: when it can be tried again,
   * milliseconds of the epoch, where that is known; looking at it before then is no try.
   */
  note(trouble: Pick<Trouble, 'port' | 'bridge' | 'code' | 'reason'> & { until?: number }): boolean;
  clear(port: string): void;
  all(): Trouble[];
  /** Whether the port's next try lies ahead. */
  isWaiting(port: string): boolean;
  /** Milliseconds until the earliest next try, or undefined when all is well. */
  dueIn(): number | undefined;
}

export function openTroubles(now: () => number): Troubles {
  const troubles = new Map<string, Trouble>();
  return {
    note({ until, ...found }) {
      const former = troubles.get(found.port);
      const attempts = (former?.attempts ?? 0) + (until === undefined || former === undefined ? 1 : 0);
      const wait = Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS);
      troubles.set(found.port, {
        ...found,
        attempts,
        since: former?.since ?? new Date(now()).toISOString(),
        nextTry: new Date(until ?? now() + wait).toISOString(),
      });
      return former === undefined || former.code !== found.code || former.reason !== found.reason;
    },
    clear: (port) => void troubles.delete(port),
    all: () => [...troubles.values()],
    isWaiting: (port) => Date.parse(troubles.get(port)?.nextTry ?? '') > now(),
    dueIn() {
      const times = [...troubles.values()].map((trouble) => Date.parse(trouble.nextTry));
      return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - now());
    },
  };
}
