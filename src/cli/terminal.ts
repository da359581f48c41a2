// What a verb may do to the outside: print, and ask what time it is.

export interface Terminal {
  /** One line to stdout; the line end is added. */
  out(line: string): void;
  /** One line to stderr: notes, progress, errors. */
  err(line: string): void;
  /** Text to stderr as it is: for a progress line that is written over. */
  errRaw(text: string): void;
  readonly errIsTty: boolean;
  now(): Date;
}

/** Exit codes of every verb: fine; not so; bad usage or config; agent or a daemon not to be reached. */
export type ExitCode = 0 | 1 | 2 | 3;

/** The process's own terminal. A reader that has gone (`| head`) ends the program quietly. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    errRaw: (text) => void process.stderr.write(text),
    errIsTty: process.stderr.isTTY === true,
    now: () => new Date(),
  };
}
