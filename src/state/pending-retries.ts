// What could not be done yet, and when it is tried again: 1 s, 2 s, 4 s … up to five minutes (four seconds for a disk), whatever
// becomes of the date.

import type { ErrorCode } from '../core/lib/errors.ts';

export interface PendingRetry {
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
/** A try that a disk refuses costs one write, and nothing tells when there is room again. */
const DISK_LONGEST_MS = 4_000;
const DISK_CODES: ReadonlySet<ErrorCode> = new Set(['ledger-write-failed', 'lease-write-failed']);

export interface PendingRetries {
  /**
   * Notes a failure; returns true when it is news and not the same once more. `until`: when it can be tried again,
   * milliseconds of the steady clock, where that is known; looking at it before then is no try.
   */
  note(pendingRetry: Pick<PendingRetry, 'port' | 'bridge' | 'code' | 'reason'> & { until?: number }): boolean;
  clear(port: string): void;
  all(): PendingRetry[];
  /** Whether the port's next try lies ahead. */
  isWaiting(port: string): boolean;
  /** Milliseconds until the earliest next try, or undefined when all is well. */
  dueIn(): number | undefined;
}

/**
 * @param steady milliseconds of a clock that nobody sets, such as `performance.now`
 * @param now milliseconds of the epoch, for what people are told
 */
export function openPendingRetries(steady: () => number, now: () => number = Date.now): PendingRetries {
  const pendingRetries = new Map<string, Omit<PendingRetry, 'nextTry'> & { due: number }>();
  return {
    note({ until, ...found }) {
      const former = pendingRetries.get(found.port);
      const attempts = (former?.attempts ?? 0) + (until === undefined || former === undefined ? 1 : 0);
      const longest = DISK_CODES.has(found.code) ? DISK_LONGEST_MS : LONGEST_MS;
      const wait = Math.min(FIRST_MS * 2 ** (attempts - 1), longest);
      pendingRetries.set(found.port, {
        ...found,
        attempts,
        since: former?.since ?? new Date(now()).toISOString(),
        due: until ?? steady() + wait,
      });
      return former === undefined || former.code !== found.code || former.reason !== found.reason;
    },
    clear: (port) => void pendingRetries.delete(port),
    all: () =>
      [...pendingRetries.values()].map(({ due, ...pendingRetry }) => ({
        ...pendingRetry,
        nextTry: new Date(now() + due - steady()).toISOString(),
      })),
    isWaiting: (port) => (pendingRetries.get(port)?.due ?? 0) > steady(),
    dueIn() {
      const times = [...pendingRetries.values()].map(({ due }) => due);
      return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - steady());
    },
  };
}
