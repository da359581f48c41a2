// The rows as a table for people.

import { blockers, type Row } from './row.ts';
import type { Series } from './series.ts';

const HEAD = ['what', 'ours', 'compared with', '', 'ratio', 'limit', '', 'n'];
/** Unit of what is counted, not measured. */
const COUNT = 'pings';
/** Columns of numbers. */
const RIGHT = new Set([1, 3, 4]);

/** Medians; in parentheses the middle half of the measurements. */
export function table(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const text = cells.map((line) =>
    line
      .map((cell, column) =>
        RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return text.join('\n');
}

function cellsOf(row: Row): string[] {
  const verdict = { true: 'holds', false: 'MISSED', undefined: '' }[String(blockers(row)) as 'true'];
  return [
    row.what,
    figure(row.ours, row.unit),
    row.peer.name,
    figure(row.peer, row.unit),
    ratioText(row.ratio),
    row.limit ?? '',
    verdict,
    String(row.ours.n),
  ];
}

/** A share of a thousandth is not none. */
function ratioText(ratio: number): string {
  return ratio > 0 && ratio < 0.005 ? ratio.toPrecision(1) : ratio.toFixed(2);
}

function figure({ median, low, high }: Series, unit: string): string {
  const digits = median >= 1000 || unit === COUNT ? 0 : 1;
  const [value, from, to] = [median, low, high].map((number) => number.toFixed(digits));
  return low === high ? `${value} ${unit}` : `${value} ${unit} (${from}–${to})`;
}
