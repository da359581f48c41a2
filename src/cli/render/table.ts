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
