// What led to a block, back to where it began, and everything that it led to.
import type { HashedBlock } from '../block.ts';
import { readBlocks } from '../read.ts';
import { type Asking, queryBlocks } from './query.ts';
import { wantCauses } from './wants.ts';

export type Effect = { block: HashedBlock; effects: Effect[] };

export type Trace = {
  /** From the root cause down to what led to the block itself. */
  causes: HashedBlock[];
  /** A cause that is named and in no file any more. */
  missingCause?: number;
  /** The block, with what it led to, and so on; in order of height. */
  effect: Effect;
};

/** Undefined when there is no such block. */
export async function traceBlock(
  path: string,
  height: number,
  asking: Asking = {},
): Promise<Trace | undefined> {
  const block = await blockAt(path, height);
  if (block === undefined) return undefined;
  const causes: HashedBlock[] = [];
  let missingCause: number | undefined;
  for (let at = block.cause; at !== null; ) {
    const cause = await blockAt(path, at);
    if (cause === undefined) {
      missingCause = at;
      break;
    }
    causes.unshift(cause);
    at = cause.cause;
  }
  const effect = await effectsOf(path, block, asking);
  return { causes, ...(missingCause !== undefined && { missingCause }), effect };
}

async function blockAt(path: string, height: number): Promise<HashedBlock | undefined> {
  for await (const block of readBlocks(path, { from: height, to: height })) return block;
  return undefined;
}

// Generation by generation: one look at the ledger for each, however many blocks it has. A cause is always lower.
async function effectsOf(path: string, block: HashedBlock, asking: Asking): Promise<Effect> {
  const root: Effect = { block, effects: [] };
  let parents = new Map([[block.height, root]]);
  while (parents.size > 0) {
    const children = new Map<number, Effect>();
    const heights = new Set(parents.keys());
    // The first is the lowest: they were found in order.
    const [lowest = 0] = heights;
    const from = lowest + 1;
    for await (const found of queryBlocks(path, { from, wants: [wantCauses(heights)] }, asking)) {
      const child: Effect = { block: found, effects: [] };
      parents.get(found.cause ?? 0)?.effects.push(child);
      children.set(found.height, child);
    }
    parents = children;
  }
  return root;
}
