// Counts over all blocks, in the shape that D-Bus clients of the seed system know.
import type { Block } from './block.ts';
import { readSummary, type Summary } from './line-bytes.ts';
import { type Head, type VerifyResult, verifyLedger } from './verify.ts';

export type LedgerStats = {
  total_blocks: number;
  /** Seconds since the epoch; 0 when there is no block. */
  last_timestamp: number;
  categories: Record<string, number>;
  producers: Record<string, number>;
  /** Sorted; without `system`. */
  unique_users: string[];
  head_hash: string;
  /** RFC 3339; null when there is no block. */
  first_timestamp: string | null;
  /** Of all lines, unpacked. */
  bytes: number;
};

export type LiveStats = {
  add(block: Block): void;
  /** `appended`: bytes since it was opened. */
  get(head: Head, appended: number): Promise<LedgerStats>;
  history(): Promise<VerifyResult>;
  close(): void;
};

export type Tally = {
  count(summary: Summary): void;
  render(head: Head, bytes: number): LedgerStats;
};

export function newTally(): Tally {
  const categories = new Map<string, number>();
  const producers = new Map<string, number>();
  const users = new Set<string>();
  let total = 0;
  let first: string | null = null;
  let last: string | null = null;
  return {
    count({ category, producer, timestamp, user }) {
      total += 1;
      categories.set(category, (categories.get(category) ?? 0) + 1);
      producers.set(producer, (producers.get(producer) ?? 0) + 1);
      users.add(user);
      first ??= timestamp;
      last = timestamp;
    },
    render: (head, bytes) => ({
      total_blocks: total,
      last_timestamp: last === null ? 0 : Math.floor(Date.parse(last) / 1000),
      categories: Object.fromEntries([...categories].sort(byName)),
      producers: Object.fromEntries([...producers].sort(byName)),
      unique_users: [...users].filter((user) => user !== 'system').sort(),
      head_hash: head.hash,
      first_timestamp: first,
      bytes,
    }),
  };
}

/** Reads a whole ledger once, verifying it on the way (fast mode); the counts cover the blocks that hold. */
export async function readStats(path: string, signal?: AbortSignal): Promise<LedgerStats> {
  const tally = newTally();
  const result = await countLedger(path, tally, Number.POSITIVE_INFINITY, signal);
  return tally.render(result.head, result.bytes);
}

/**
 * Counts kept up to date by a writer. What stood in the ledger before (up to the height `upTo`) is counted in the background,
 * because a million lines take about two seconds and guests must not wait for them.
 */
export function liveStats(path: string, upTo: number): LiveStats {
  const tally = newTally();
  const stop = new AbortController();
  const recent: Block[] = [];
  let counted = false;
  const history = countLedger(path, tally, upTo, stop.signal).then((result) => {
    for (const block of recent.splice(0)) tally.count(block);
    counted = true;
    return result;
  });
  // Whoever asks sees the failure; a ledger that is closed early must not end the process.
  history.catch(() => undefined);
  return {
    add: (block) => (counted ? tally.count(block) : void recent.push(block)),
    async get(head, appended) {
      const { bytes } = await history;
      return tally.render(head, bytes + appended);
    },
    history: () => history,
    close: () => stop.abort(),
  };
}

function countLedger(path: string, tally: Tally, upTo: number, signal?: AbortSignal): Promise<VerifyResult> {
  const onLine = (bytes: Buffer, start: number, end: number) => tally.count(readSummary(bytes, start, end));
  return verifyLedger(path, { mode: 'fast', upTo, onLine, ...(signal ? { signal } : {}) });
}

function byName([a]: [string, number], [b]: [string, number]): number {
  return a < b ? -1 : 1;
}
