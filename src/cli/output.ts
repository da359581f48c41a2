// The process's stdout: what could not be printed is told, and is never an end with 0.

import { fstatSync, writeFileSync } from 'node:fs';
import { AgentError, isErrno } from '../core/lib/errors.ts';
import { failureOf } from './failure.ts';

const STDOUT = 1;

export interface Output {
  write(text: string): void;
  /** Ends the process: with `code` once all is printed, else as an error does. */
  end(code: number): void;
}

/** A reader that has gone (`| head`) ends the program quietly. */
export function processOutput(): Output {
  const { stdout, stderr } = process;
  // Nobody is left to tell it to, and the verb's own end says more than 0 or 1.
  stderr.on('error', () => undefined);
  let failed: 'gone' | 'full' | undefined;
  let isUsed = false;

  const fail = (cause: unknown) => {
    if (failed !== undefined) return;
    if (isErrno(cause, 'EPIPE')) {
      failed = 'gone';
      // A verb that has ended meanwhile has its own code.
      setImmediate(() => process.exit(0));
      return;
    }
    failed = 'full';
    const error = new AgentError('output-failed', 'Not all could be printed', { cause });
    const { line, exitCode } = failureOf(error, true);
    stderr.write(`${line}\n`, () => process.exit(exitCode));
  };
  stdout.on('error', fail);

  // Node's own stream for files takes a write that was cut short for a whole one (lib/internal/fs/sync_write_stream.js).
  const isFile = fstatSync(STDOUT).isFile();
  const put = (text: string) => {
    if (!isFile) return void stdout.write(text);
    try {
      writeFileSync(STDOUT, text);
    } catch (error) {
      fail(error);
    }
  };
  return {
    write(text) {
      isUsed = true;
      if (failed === undefined) put(text);
    },
    end(code) {
      if (!isUsed) process.exit(code);
      stdout.write('', (error) => {
        if (error && failed === undefined) fail(stdout.errored ?? error);
        if (failed !== 'full') process.exit(code);
      });
    },
  };
}
