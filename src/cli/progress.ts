// How far a long verification is, on stderr.

import { count, size } from './render/quantity.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds of silence before progress is shown unasked. */
const PATIENCE_MS = 2000;
const TERMINAL_EVERY_MS = 200;
const FILE_EVERY_MS = 2000;
/** Lines between two looks at the clock, so that counting costs nothing beside hashing. */
const LOOK_EVERY = 4096;

export interface Meter {
  onLine(bytes: Buffer, start: number, end: number): void;
  /** Takes the progress line off a terminal. */
  end(): void;
}

/** `forced`: from the start, and also where stderr is no terminal. `total` in bytes. */
export function verifyProgress(terminal: Terminal, total: number, forced: boolean): Meter {
  const started = terminal.now().getTime();
  const every = terminal.errIsTty ? TERMINAL_EVERY_MS : FILE_EVERY_MS;
  let next = forced ? started : started + PATIENCE_MS;
  let lines = 0;
  let done = 0;
  let shown = false;
  return {
    onLine(_bytes, start, end) {
      lines += 1;
      done += end - start + 1;
      if (lines % LOOK_EVERY !== 0 || !(terminal.errIsTty || forced)) return;
      const now = terminal.now().getTime();
      if (now < next) return;
      next = now + every;
      shown = true;
      const share = total > 0 ? `${Math.min(100, Math.floor((100 * done) / total))} %, ` : '';
      const text = `verify: ${share}${count(lines, 'block')}`;
      if (terminal.errIsTty) terminal.errRaw(`\r${text}`);
      else terminal.err(text);
    },
    end() {
      // Erase the whole line: ECMA-48 EL.
      if (shown && terminal.errIsTty) terminal.errRaw('\r\u001b[2K');
    },
  };
}

export interface BytesMeter {
  /** So many more are done. */
  add(bytes: number): void;
  /** Before anything else is shown: takes the line away, and shows none any more. */
  end(): void;
}

/** `search: 340.0 MiB`; only where stderr is a terminal. */
export function bytesProgress(terminal: Terminal, verb: string): BytesMeter {
  let next = terminal.now().getTime() + PATIENCE_MS;
  let done = 0;
  let shown = false;
  let ended = !terminal.errIsTty;
  return {
    add(bytes) {
      done += bytes;
      const now = terminal.now().getTime();
      if (ended || now < next) return;
      next = now + TERMINAL_EVERY_MS;
      shown = true;
      // Erase the rest of the line: ECMA-48 EL.
      terminal.errRaw(`\r${verb}: ${size(done)}\u001b[K`);
    },
    end() {
      if (shown && !ended) terminal.errRaw('\r\u001b[2K');
      ended = true;
    },
  };
}
