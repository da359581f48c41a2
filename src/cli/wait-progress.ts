// That a command still waits for one answer, on stderr, once it takes longer than people like to wait.

import type { Terminal } from './terminal.ts';

/** Milliseconds of silence before anything is shown. */
const PATIENCE_MS = 2000;
const EVERY_MS = 1000;

/** Shows `attest: asking from inside 3 containers, 2 s` while `work` is not done; only where stderr is a terminal. */
export async function showingWait<T>(
  { errIsTty, errRaw }: Terminal,
  what: string,
  work: Promise<T>,
): Promise<T> {
  if (!errIsTty) return work;
  let seconds = 0;
  const timer = setInterval(() => {
    seconds += EVERY_MS / 1000;
    // Erase the rest of the line: ECMA-48 EL.
    if (seconds * 1000 >= PATIENCE_MS) errRaw(`\r${what}, ${seconds} s\u001b[K`);
  }, EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (seconds * 1000 >= PATIENCE_MS) errRaw('\r\u001b[2K');
  }
}
