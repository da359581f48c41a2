// What a room says of the blocks that it writes: their actions, the category of each, and the shape of its data.

import type { z } from 'zod';
import type { Category } from './categories.ts';
import type { DeclaredEntry, Entry } from './draft.ts';

export interface ActionShape<C extends Category = Category, Data extends z.ZodType = z.ZodType> {
  readonly category: C;
  /** Of the block's `data`; what is too big for a block is replaced by its size and digest. */
  readonly data: Data;
}

export interface LedgerProducer {
  /** What the blocks are about, in one word. */
  readonly name: string;
  readonly categories: readonly Category[];
  /** By action; no action belongs to two producers. */
  readonly actions: Readonly<Record<string, ActionShape>>;
}

/** All with one category. */
export function actionsOf<C extends Category, S extends Readonly<Record<string, z.ZodType>>>(
  category: C,
  shapes: S,
): { readonly [A in keyof S]: ActionShape<C, S[A]> } {
  const entries = Object.entries(shapes).map(([action, data]) => [action, { category, data }]);
  return Object.fromEntries(entries) as { [A in keyof S]: ActionShape<C, S[A]> };
}

type ActionOf<P extends LedgerProducer> = keyof P['actions'] & string;
type DataOf<P extends LedgerProducer, A extends ActionOf<P>> = P['actions'][A] extends {
  data: infer Data extends z.ZodType;
}
  ? z.input<Data>
  : never;

/** What a producer may write: one of its actions, with data of that action's shape. */
export type EntryOf<P extends LedgerProducer, A extends ActionOf<P> = ActionOf<P>> = Omit<
  Entry,
  'category' | 'action' | 'data'
> & { readonly action: A; readonly data: DataOf<P, A> };

/** An entry for `append`; its category is the action's. What the producer does not declare does not compile. */
export function entryOf<P extends LedgerProducer, A extends ActionOf<P>>(
  producer: P,
  entry: EntryOf<P, A>,
): DeclaredEntry {
  const shape: ActionShape | undefined = producer.actions[entry.action];
  return { ...entry, category: shape?.category } as unknown as DeclaredEntry;
}

/** What a program of others wrote: its action is below the program's name, where no action of ours can be. */
export function externalEntry(producer: string, { action, ...entry }: Entry): DeclaredEntry {
  const said = { ...entry, action: `${producer}.${action}`, user: `producer:${producer}` };
  return said as unknown as DeclaredEntry;
}

/** For an intent of another version of the agent, and for what other programs record: their actions nobody declares. */
export const undeclared = (entry: Entry): DeclaredEntry => entry as DeclaredEntry;
