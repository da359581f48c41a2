// The tree of causes of one block: what led to it above, what it led to below; pure.

import type { HashedBlock } from '../../core/ledger/index.ts';
import type { Effect, Trace } from '../../core/ledger/query/trace.ts';
import { eventWords } from './event.ts';
import { shortened } from './table.ts';
import { sameTimes } from './time.ts';

/** Cells of a line where nobody knows how many there are. */
const WIDTH = 80;

export interface TraceSpec {
  now: Date;
  width: number | undefined;
  /** How many of the blocks below are drawn. */
  limit: number;
}

/** One line a block, none wider than the terminal. The block itself is marked. */
export function traceLines({ causes, missingCause, effect }: Trace, spec: TraceSpec): string[] {
  const effects = flat(effect, spec.limit);
  const above = causes.map((block, depth): Drawn => ({ block, lead: depth === 0 ? '' : under(depth - 1) }));
  const drawn = [...above, ...effects.map((one) => ({ ...one, lead: below(one, causes.length) }))];
  const time = sameTimes(
    drawn.map(({ block }) => block.timestamp),
    spec.now,
  );
  const closed = closedIn(causes, effect);
  const lines = drawn.map(({ block, lead }) => {
    const mark = block === effect.block ? '  <== this block' : '';
    const text = `${lead}#${block.height}  ${time(block.timestamp)}  ${eventWords(block, closed.has(block.height))}`;
    const width = spec.width ?? WIDTH;
    return `${shortened(text, width - mark.length)}${mark}`;
  });
  const left = countOf(effect) - effects.length;
  return [
    ...(missingCause === undefined
      ? []
      : [`(#${missingCause}, which led to it, is in no file of this ledger)`]),
    ...lines,
    ...(left > 0 ? [`… and ${left} more: --limit, or --json`] : []),
  ];
}

/** The same for programs: what it led to is a list in order of height, in which each block names its cause. */
export function traceJson({ causes, missingCause, effect }: Trace): object {
  const effects: HashedBlock[] = [];
  const waiting = [...effect.effects];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    effects.push(next.block);
    for (const one of next.effects) waiting.push(one);
  }
  effects.sort((one, other) => one.height - other.height);
  return { causes, missing_cause: missingCause ?? null, block: effect.block, effects };
}

interface Drawn {
  block: HashedBlock;
  lead: string;
}

/** `rails`: for each generation, whether more of it comes below. */
interface Placed {
  block: HashedBlock;
  rails: boolean[];
}

const under = (depth: number) => `${'   '.repeat(depth)}└─ `;

/** Below the causes; the block itself is the first and has no rails. */
function below({ rails }: Placed, depth: number): string {
  const indent = '   '.repeat(depth);
  if (rails.length === 0) return depth === 0 ? '' : under(depth - 1);
  const bars = rails.slice(0, -1).map((goesOn) => (goesOn ? '│  ' : '   '));
  return `${indent}${bars.join('')}${rails.at(-1) ? '├─ ' : '└─ '}`;
}

/** Depth first, without recursion: a chain may be as long as the ledger. */
function flat(root: Effect, limit: number): Placed[] {
  const placed: Placed[] = [];
  const waiting: (Effect & { rails: boolean[] })[] = [{ ...root, rails: [] }];
  for (let next = waiting.pop(); next !== undefined && placed.length <= limit; next = waiting.pop()) {
    const { block, effects, rails } = next;
    placed.push({ block, rails });
    const inner = effects.map((effect, at) => ({ ...effect, rails: [...rails, at < effects.length - 1] }));
    waiting.push(...inner.reverse());
  }
  return placed;
}

/** The intents that an outcome in this tree has closed. */
function closedIn(causes: readonly HashedBlock[], root: Effect): Set<number> {
  const closed = new Set<number>();
  const note = ({ cause, metadata }: HashedBlock) => {
    if (cause !== null && metadata.kind === 'outcome') closed.add(cause);
  };
  causes.forEach(note);
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    note(next.block);
    for (const effect of next.effects) waiting.push(effect);
  }
  return closed;
}

function countOf(root: Effect): number {
  let count = 0;
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    count += 1;
    for (const effect of next.effects) waiting.push(effect);
  }
  return count;
}
