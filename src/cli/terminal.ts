// What a verb may do to the outside: print, and ask what time it is and how wide the screen is.

import type { Pager } from './pager.ts';

/** How a line is meant: only a terminal shows it, as a colour. */
export type Tone = 'bad' | 'warn';

export interface Terminal {
  /** One line to stdout; the line end is added. */
  out(line: string, tone?: Tone): void;
  /** One line to stderr: notes, progress, errors. */
  err(line: string): void;
  /** Text to stderr as it is: for a progress line that is written over. */
  errRaw(text: string): void;
  readonly errIsTty: boolean;
  /** Columns of stdout; undefined where it is no terminal. */
  readonly width: number | undefined;
  /** Whether stdout is a terminal, also where lines are left as they are. */
  readonly isTty: boolean;
  /** Clears the screen of a terminal; nothing elsewhere. */
  clear(): void;
  now(): Date;
}

/** A terminal as the whole command line has it. */
export interface Screen extends Omit<Terminal, 'out' | 'isTty'> {
  out(line: string): void;
  /** From now on what does not fit the screen goes through the user's pager. */
  page(): void;
  /** Resolves when everything is shown and the pager is left. */
  end(): Promise<void>;
}

/**
 * Exit codes of every verb: fine; not so; bad usage or config; agent or a daemon not to be reached. From 10 on: verdicts of
 * `ledger verify`.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 10 | 11 | 20 | 21 | 22 | 23 | 30;

/** The process's own terminal. */
export function processTerminal(
  show: (text: string) => void,
  openPager: (show: (text: string) => void, rows: number) => Pager,
): Screen {
  const { isTTY, columns, rows = 24 } = process.stdout;
  let pager: Pager | undefined;
  return {
    out: (line) => (pager ? pager.write(`${line}\n`) : show(`${line}\n`)),
    err: (line) => void process.stderr.write(`${line}\n`),
    errRaw: (text) => void process.stderr.write(text),
    errIsTty: process.stderr.isTTY === true,
    // A window of no width is one that does not say.
    width: isTTY ? columns || 80 : undefined,
    // Home, erase to the end of the screen: ECMA-48 CUP and ED.
    clear: () => void (isTTY && show('\u001b[H\u001b[J')),
    now: () => new Date(),
    page() {
      if (isTTY) pager ??= openPager(show, rows);
    },
    end: async () => pager?.end(),
  };
}
