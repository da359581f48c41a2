// How far a command is that does one thing after another, on stderr, once it takes longer than people like to wait.

import type { Terminal } from './terminal.ts';

/** Milliseconds of silence before anything is shown. */
const PATIENCE_MS = 2000;

export interface Counter {
  /** The next thing begins. */
  next(what: string): void;
  /** Takes the progress line off a terminal. */
  end(): void;
}

/** `enroll: 3 of 40, 112`; only where stderr is a terminal. */
export function countProgress({ errIsTty, errRaw }: Terminal, verb: string, total: number): Counter {
  let at = 0;
  let text = '';
  let shown = false;
  const show = () => {
    shown = true;
    // Erase the rest of the line: ECMA-48 EL.
    errRaw(`\r${text}\u001b[K`);
  };
  const patience = errIsTty ? setTimeout(show, PATIENCE_MS) : undefined;
  return {
    next(what) {
      at += 1;
      text = `${verb}: ${at} of ${total}, ${what}`;
      if (shown) show();
    },
    end() {
      clearTimeout(patience);
      if (shown) errRaw('\r\u001b[2K');
    },
  };
}
