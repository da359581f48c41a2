// What is in a ledger, counted; pure.

import type { LedgerStats } from '../../core/ledger/index.ts';
import { size } from './quantity.ts';
import { table } from './table.ts';
import { localTime } from './time.ts';

export function statsLines(path: string, stats: LedgerStats): string[] {
  const { total_blocks: blocks, first_timestamp: first, last_timestamp: last, head_hash: hash } = stats;
  const span = first === null ? '-' : `${localTime(first)} to ${localTime(new Date(last * 1000))}`;
  return table([
    ['ledger', path],
    ['blocks', `${blocks} (${size(stats.bytes)})`],
    ['time', span],
    ['head', `#${blocks} ${hash}`],
    ['users', stats.unique_users.join(', ') || '-'],
    ...counts('producers', stats.producers),
    ...counts('categories', stats.categories),
  ]);
}

/** The most frequent first. */
function counts(name: string, amounts: Record<string, number>): string[][] {
  const sorted = Object.entries(amounts).sort(([, a], [, b]) => b - a);
  if (sorted.length === 0) return [[name, '-']];
  return sorted.map(([key, amount], index) => [index === 0 ? name : '', `${amount} ${key}`]);
}
