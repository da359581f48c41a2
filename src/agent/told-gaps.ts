// What of the ledger could not be written and is to be told by status and doctor: the gap that is open, or the newest that a block tells of.

import { LEDGER_FILE } from '../core/ledger/file-actions.ts';
import type { HashedBlock, Ledger } from '../core/ledger/index.ts';
import { queryBlocks } from '../core/ledger/query/query.ts';
import { wantActions } from '../core/ledger/query/wants.ts';
import { type Clocks, type Moment, momentOf } from '../core/lib/moment.ts';
import { type GapView, TOLD_MS } from '../diagnose/ledger-faults.ts';

export interface ToldGaps {
  now(): GapView | undefined;
  close(): void;
}

const ACTION = 'ledger_gap' satisfies keyof typeof LEDGER_FILE.actions;

export function openToldGaps(
  ledger: Pick<Ledger, 'gap' | 'subscribe'>,
  parts: { path: string; onError: (error: unknown) => void } & Clocks,
): ToldGaps {
  const { path, now, onError } = parts;
  let last: GapView | undefined;
  let until: Moment | undefined;
  const take = (block: HashedBlock) => {
    if (block.action !== ACTION || (last !== undefined && (last.height ?? 0) > block.height)) return;
    last = viewOf(block);
    until = last?.until === undefined ? undefined : momentOf(parts, last.until);
  };
  const unsubscribe = ledger.subscribe(take);
  // The ledger is what remembers it. Guests do not wait for the search.
  const former = { since: now() - TOLD_MS, wants: [wantActions([ACTION])] };
  const search = async () => {
    for await (const block of queryBlocks(path, former)) take(block);
  };
  search().catch(onError);
  return {
    now() {
      const open = ledger.gap();
      if (open !== undefined) {
        const { since, count, error } = open;
        return { since: new Date(since).toISOString(), failed: count, error };
      }
      return until && until.ageMs() < TOLD_MS ? last : undefined;
    },
    close: unsubscribe,
  };
}

function viewOf({ data, height }: HashedBlock): GapView | undefined {
  const { success, data: gap } = LEDGER_FILE.actions[ACTION].data.safeParse(data);
  return success ? { ...gap, height } : undefined;
}
