// The state of the host as the blocks say it was, at a height or at a time.

import type { HashedBlock } from '../block.ts';
import { lastBlockBy } from '../query/last-by.ts';
import { type Asking, queryBlocks } from '../query/query.ts';
import { wantActions } from '../query/wants.ts';
import { readBlocks } from '../read.ts';
import { STATE_ACTIONS, takeIn } from './reduce.ts';
import { emptyState, type StateThen } from './state.ts';

/** A height, or milliseconds of the epoch. */
export type Moment = { height: number } | { time: number };

/**
 * After the last block up to then; of a time, up to the last block that was written by then. Undefined when there is no block of that
 * height yet, or none so early.
 */
export async function stateAt(
  path: string,
  moment: Moment,
  asking: Asking = {},
): Promise<StateThen | undefined> {
  const last = await lastBlock(path, moment, asking);
  if (last === undefined) return undefined;
  const state = emptyState();
  const query = { to: last.height, wants: [wantActions(STATE_ACTIONS)] };
  for await (const block of queryBlocks(path, query, asking)) takeIn(state, block);
  return Object.assign(state, { height: last.height, at: last.timestamp });
}

async function lastBlock(path: string, moment: Moment, asking: Asking): Promise<HashedBlock | undefined> {
  if ('time' in moment) return lastBlockBy(path, moment.time, asking);
  const { height } = moment;
  for await (const block of readBlocks(path, { from: height, to: height })) return block;
  return undefined;
}
