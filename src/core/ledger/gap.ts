// What could not be written: from when to when, and how much, so that it can be told once the disk takes it.
import type { LEDGER_FILE } from './file-actions.ts';
import type { EntryOf } from './producer.ts';

export type Gap = {
  /** So many appends failed now, ms of the epoch. */
  failed(count: number, nowMs: number, error: unknown): void;
  /** The block about it; undefined when there is nothing to tell. */
  entry(nowMs: number): EntryOf<typeof LEDGER_FILE, 'ledger_gap'> | undefined;
  /** It has been told. */
  closed(): void;
};

export function newGap(): Gap {
  let open: { since: number; count: number; error: string } | undefined;
  return {
    failed(count, nowMs, error) {
      open ??= { since: nowMs, count: 0, error: reasonOf(error) };
      open.count += count;
    },
    entry(nowMs) {
      if (open === undefined) return undefined;
      const { since, count: failed, error } = open;
      const [from, until] = [since, nowMs].map((ms) => new Date(ms).toISOString()) as [string, string];
      return { action: 'ledger_gap', data: { since: from, until, failed, error } };
    },
    closed() {
      open = undefined;
    },
  };
}

// What the system said, where it said something: that of ours only tells that the ledger could not be written.
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
