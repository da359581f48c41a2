// A table of plain text: columns as wide as their widest cell, two spaces apart; pure.

import { printable } from '../printable.ts';

const ZERO_WIDTH = /^\p{M}$/u;
const DOUBLE_WIDTH =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]$/u;

/** Terminal cells that a text takes, near enough for names. */
export function cells(text: string): number {
  let width = 0;
  for (const character of text) {
    if (!ZERO_WIDTH.test(character)) width += DOUBLE_WIDTH.test(character) ? 2 : 1;
  }
  return width;
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cells(text)));
}

/**
 * A table no wider than `width`: the widest of the columns that may shrink gives way first, down to what its title needs
 * and at least 8 cells, and `…` stands where something is left out.
 */
export function fitted(
  rows: readonly (readonly string[])[],
  width: number | undefined,
  canShrink: readonly boolean[],
): string[] {
  const clean = rows.map((row) => row.map(printable));
  if (width === undefined) return table(clean);
  const widths = (clean[0] ?? []).map((_, column) =>
    Math.max(...clean.map((row) => cells(row[column] ?? ''))),
  );
  const least = (clean[0] ?? []).map((title) => Math.max(8, cells(title)));
  const total = () => widths.reduce((sum, each) => sum + each, 2 * (widths.length - 1));
  while (total() > width) {
    const room = widths.map((each, column) => (canShrink[column] && each > (least[column] ?? 8) ? each : 0));
    const widest = room.indexOf(Math.max(...room));
    if ((room[widest] ?? 0) === 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return table(clean.map((row) => row.map((text, column) => shortened(text, widths[column] ?? 0))));
}

/**
 * The table without those of the columns `spare`, in that order, for which there is no room; `left` are their titles. The
 * others are as wide as their texts, unless nothing more can be spared.
 */
export function spared(
  rows: readonly (readonly string[])[],
  width: number | undefined,
  spare: readonly string[],
): { rows: string[][]; left: string[] } {
  let kept = rows.map((row) => row.map(printable));
  const left: string[] = [];
  for (const title of width === undefined ? [] : spare) {
    if (table(kept).every((line) => cells(line) <= (width ?? 0))) break;
    const at = kept[0]?.indexOf(title) ?? -1;
    if (at < 0) continue;
    kept = kept.map((row) => row.filter((_, column) => column !== at));
    left.push(title);
  }
  return { rows: kept, left };
}

/** The beginning of the text, in at most so many cells. */
export function shortened(text: string, width: number): string {
  if (cells(text) <= width) return text;
  let short = '';
  for (const character of text) {
    if (cells(short + character) > width - 1) break;
    short += character;
  }
  return `${short}…`;
}

/** One line per row; every cell is made printable. No spaces at line ends. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of clean) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cells(text));
  }
  return clean.map((row) =>
    row
      .map((text, column) => pad(text, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
