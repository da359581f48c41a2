// How lines are shown: folded to the width of a terminal, in colour where that is wanted; for programs as they are.

import { cells } from './render/table.ts';
import type { Screen, Terminal, Tone } from './terminal.ts';

export interface Manner {
  /** Columns to fold lines to; undefined leaves them. */
  width: number | undefined;
  color: boolean;
}

/** Select Graphic Rendition (ECMA-48): red, yellow. */
const COLORS: Readonly<Record<Tone, string>> = { bad: '31', warn: '33' };

/** A terminal for verbs; `manner` is asked at each line. */
export function presented(screen: Screen, manner: () => Manner): Terminal {
  return {
    err: screen.err,
    errRaw: screen.errRaw,
    errIsTty: screen.errIsTty,
    isTty: screen.width !== undefined,
    get width() {
      return manner().width;
    },
    clear: screen.clear,
    now: screen.now,
    out(line, tone) {
      const { width, color } = manner();
      for (const text of line.split('\n')) {
        for (const piece of width === undefined ? [text] : folded(text, width)) {
          screen.out(color && tone ? `\u001b[${COLORS[tone]}m${piece}\u001b[0m` : piece);
        }
      }
    },
  };
}

/** Whether colours are wanted: `--color`, else `NO_COLOR` (no-color.org), else whether it is a terminal that has some. */
export function wantsColor(
  choice: 'auto' | 'always' | 'never',
  isTty: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (choice !== 'auto') return choice === 'always';
  return isTty && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** The line in pieces of at most so many cells, broken at blanks; what follows stands below the text of the first. */
export function folded(line: string, width: number): string[] {
  if (cells(line) <= width) return [line];
  const indent = hangOf(line, width);
  const pieces: string[] = [];
  let rest = line;
  while (cells(rest) > width) {
    const at = breakAt(rest, width, pieces.length === 0 ? (/^ */.exec(line)?.[0].length ?? 0) : indent);
    pieces.push(rest.slice(0, at).trimEnd());
    rest = ' '.repeat(indent) + rest.slice(at).trimStart();
  }
  return [...pieces, rest];
}

/** Below the last column of a row that has columns, if there is room; else two deeper than the line itself. */
function hangOf(line: string, width: number): number {
  const [own = ''] = /^ */.exec(line) ?? [];
  const [lead = ''] = /^ *\S+(?: \S+)*? {2,}/.exec(line) ?? [];
  if (lead.length > 0 && lead.length <= width / 2) return lead.length;
  return Math.min(own.length + 2, Math.floor(width / 2));
}

/** Where the first piece ends: at the last blank that fits, else in the middle of a word. */
function breakAt(text: string, width: number, after: number): number {
  let taken = 0;
  let blank = 0;
  let at = 0;
  for (const character of text) {
    taken += cells(character);
    if (character === ' ' && at > after) blank = at;
    if (taken > width) break;
    at += character.length;
  }
  return blank > after ? blank : Math.max(at, after + 1);
}
