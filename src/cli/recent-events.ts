// Reads the latest events of a ledger, and finds for each the event that led to it.

import { type HashedBlock, type Reading, readBackwards, readBlocks } from '../core/ledger/index.ts';
import { type Asking, queryBlocks } from '../core/ledger/query/query.ts';
import type { Query } from '../core/ledger/query/query-type.ts';
import { wantCauses } from '../core/ledger/query/wants.ts';
import { isEvent } from './render/event.ts';

export interface ReportedEvent {
  block: HashedBlock;
  /** Height of the event that led here: an outcome points past its intent. */
  cause: number | null;
}

export interface Recent {
  events: ReportedEvent[];
  /** Height of the last block of any kind; 0 for an empty ledger. */
  head: number;
}

const isIntent = (block: HashedBlock) => block.metadata.kind === 'intent';
const isOutcome = (block: HashedBlock) => block.metadata.kind === 'outcome';

/** The last `n` events, oldest first. An intent that has no outcome yet is among them. */
export async function recentEvents(path: string, n: number, reading: Reading = {}): Promise<Recent> {
  const blocks: HashedBlock[] = [];
  const settled = new Set<number>();
  const causes = new Map<number, number | null>();
  let head = 0;
  for await (const block of readBackwards(path, reading)) {
    head = Math.max(head, block.height);
    if (blocks.length >= n) break;
    if (isOutcome(block) && block.cause !== null) settled.add(block.cause);
    if (isIntent(block)) causes.set(block.height, block.cause);
    if (isEvent(block) || (isIntent(block) && !settled.has(block.height))) blocks.push(block);
  }
  const events: ReportedEvent[] = [];
  for (const block of blocks.reverse()) events.push({ block, cause: await originOf(path, block, causes) });
  return { events, head };
}

/** The last `n` events that fit the query, oldest first. An intent that has no outcome yet is among them. */
export async function chosenEvents(
  path: string,
  n: number,
  query: Query,
  asking: Asking = {},
): Promise<ReportedEvent[]> {
  const causes = new Map<number, number | null>();
  const open = new Map<number, HashedBlock>();
  const blocks: HashedBlock[] = [];
  for await (const block of queryBlocks(path, query, asking)) {
    if (isOutcome(block) && block.cause !== null) open.delete(block.cause);
    if (isIntent(block)) {
      causes.set(block.height, block.cause);
      open.set(block.height, block);
    } else if (isEvent(block)) blocks.push(block);
    if (blocks.length > 2 * n + 1000) blocks.splice(0, blocks.length - n);
  }
  // The outcome of an intent that fits need not fit itself.
  const outcomes = open.size === 0 ? [] : [wantCauses(new Set(open.keys()))];
  if (open.size > 0)
    for await (const block of queryBlocks(path, { wants: outcomes }, asking))
      if (isOutcome(block) && block.cause !== null) open.delete(block.cause);
  const last = [...blocks, ...open.values()]
    .sort((a, b) => a.height - b.height)
    .slice(n === 0 ? Infinity : -n);
  const events: ReportedEvent[] = [];
  for (const block of last) events.push({ block, cause: await originOf(path, block, causes) });
  return events;
}

/** For blocks as they come: remembers intents, and tells everything else. */
export function liveEvents(path: string): (block: HashedBlock) => Promise<ReportedEvent | undefined> {
  const causes = new Map<number, number | null>();
  return async (block) => {
    if (isIntent(block)) causes.set(block.height, block.cause);
    if (!isEvent(block)) return undefined;
    const cause = await originOf(path, block, causes);
    if (block.cause !== null) causes.delete(block.cause);
    return { block, cause };
  };
}

async function originOf(
  path: string,
  block: HashedBlock,
  intents: ReadonlyMap<number, number | null>,
): Promise<number | null> {
  const { cause } = block;
  if (cause === null || !isOutcome(block)) return cause;
  const known = intents.get(cause);
  if (known !== undefined) return known ?? cause;
  for await (const intent of readBlocks(path, { from: cause, to: cause })) return intent.cause ?? cause;
  return cause;
}
