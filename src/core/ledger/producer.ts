// What a room says of the blocks that it writes: their actions, the category of each, and the shape of its data.

import type { z } from 'zod';
import type { Category } from './categories.ts';

export interface ActionShape {
  readonly category: Category;
  /** Of the block's `data`; what is too big for a block is replaced by its size and digest. */
  readonly data: z.ZodType;
}

export interface LedgerProducer {
  /** What the blocks are about, in one word. */
  readonly name: string;
  readonly categories: readonly Category[];
  /** By action; no action belongs to two producers. */
  readonly actions: Readonly<Record<string, ActionShape>>;
}

/** All with one category. */
export function actionsOf(
  category: Category,
  shapes: Readonly<Record<string, z.ZodType>>,
): Record<string, ActionShape> {
  return Object.fromEntries(Object.entries(shapes).map(([action, data]) => [action, { category, data }]));
}
