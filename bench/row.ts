// One line of the table: ours beside what it is compared with, in one run.

import { type Series, series } from './series.ts';

export interface Row {
  what: string;
  unit: string;
  ours: Series;
  /** What ours is compared with. */
  peer: Series & { name: string };
  /** Median of ours ÷ median of the peer. */
  ratio: number;
  /** What the ratio is held against, such as `<= 1.5`; a row without is there to be read. */
  limit?: string;
}

export function row(
  what: string,
  unit: string,
  ours: readonly number[],
  peer: { name: string; values: readonly number[] },
  limit?: string,
): Row {
  const [mine, theirs] = [series(ours), series(peer.values)];
  return {
    what,
    unit,
    ours: mine,
    peer: { name: peer.name, ...theirs },
    ratio: mine.median / theirs.median,
    ...(limit === undefined ? {} : { limit }),
  };
}

/** Whether the ratio is as the limit wants it; undefined without a limit. */
export function blockers({ ratio, limit }: Pick<Row, 'ratio' | 'limit'>): boolean | undefined {
  if (limit === undefined) return undefined;
  const [comparison, text] = limit.split(' ');
  const bound = Number(text);
  if (comparison === '<=') return ratio <= bound;
  if (comparison === '<') return ratio < bound;
  if (comparison === '>=') return ratio >= bound;
  throw new Error(`not a limit: ${limit}`);
}
