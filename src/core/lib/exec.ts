// The one place that starts other programs: argument arrays, never a shell, always a deadline.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { AgentError } from './errors.ts';

export interface ExecOptions {
  /** Milliseconds until the program is ended; 5000 by default. */
  deadlineMs?: number;
  /** Text given to the program's standard input, or the descriptor of an open file that becomes it. */
  input?: string | number;
  /** Variables beside PATH and LC_ALL. */
  env?: Readonly<Record<string, string>>;
}

/** Runs a program and returns its standard output. Throws `exec-failed` with what it said. */
export type Exec = (file: string, args: readonly string[], options?: ExecOptions) => Promise<string>;

/** Bytes of output; far more than any host has to say, and less than what would stop us for seconds to read. */
const OUTPUT_MAX = 16 * 1024 * 1024;

/** A program that is asked to end has 5 s before execa kills it; one that hangs in the kernel even then is waited for no longer. */
const GONE_MS = 6000;

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** What a program says on one of its outputs. */
interface Said {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  destroy(): unknown;
}

/** A program that was started, whoever started it. */
export interface Started {
  stdout: Said;
  stderr: Said;
  /** Asks it to end, and makes it end 5 s later. */
  kill(): void;
  /** Settles when it has ended and its outputs are closed; does not reject. */
  result: PromiseLike<Ended>;
}

interface Ended {
  failed: boolean;
  exitCode?: number | undefined;
  /** Says why, where the program itself did not. */
  shortMessage?: string | undefined;
  cause?: unknown;
}

/** The Exec that starts programs itself. PATH is fixed: a hook's caller may have set another one. */
export const exec: Exec = (file, args, options = {}) =>
  supervised(
    file,
    () => {
      const child = execa(file, args, {
        buffer: false,
        reject: false,
        // Its deadline ends it; watching our own end for each is a third of what starting one costs.
        cleanup: false,
        extendEnv: false,
        env: environmentOf(options),
        ...inputOf(options.input),
      });
      return { stdout: child.stdout, stderr: child.stderr, kill: () => void child.kill(), result: child };
    },
    options.deadlineMs,
  );

/** All variables that a program gets. */
export const environmentOf = ({ env }: Pick<ExecOptions, 'env'>) => ({ ...env, ...ENVIRONMENT });

/**
 * What a program comes to, as an Exec gives it. What it says is collected here: execa waits beyond its deadline for what the
 * program has left with its output, and takes 6 s of this one thread over 16 MiB of text.
 */
export async function supervised(file: string, start: () => Started, deadlineMs = 5000): Promise<string> {
  const child = started(file, start);
  let why: string | undefined;
  let gone: NodeJS.Timeout | undefined;
  let giveUp: (nothing: undefined) => void = () => undefined;
  const isGivenUp = new Promise<undefined>((resolve) => {
    giveUp = resolve;
  });
  const end = (reason: string) => {
    if (why !== undefined) return;
    why = reason;
    child.kill();
    child.stdout.destroy();
    child.stderr.destroy();
    gone = setTimeout(giveUp, GONE_MS, undefined);
  };
  const tooMuch = () => end(`it said more than ${OUTPUT_MAX / 1024 / 1024} MiB`);
  const stdout = collected(child.stdout, tooMuch);
  const stderr = collected(child.stderr, tooMuch);
  const deadline = setTimeout(end, deadlineMs, `it was not done within ${deadlineMs} ms`);
  const result = await Promise.race([child.result, isGivenUp]);
  clearTimeout(deadline);
  clearTimeout(gone);
  if (why === undefined && result?.failed === false) return stdout().replace(/\r?\n$/, '');
  const complaint = stderr();
  const reported = why ?? (complaint.trim() || result?.shortMessage || 'no message');
  throw new AgentError('exec-failed', `${file} failed: ${reported.split('\n')[0]}`, {
    cause: new ProgramFailure(reported, {
      exitCode: result?.exitCode,
      stderr: complaint,
      cause: result?.cause,
    }),
  });
}

/** How a program ended that did not end well; undefined what did not come about. */
export class ProgramFailure extends Error {
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(message: string, details: { exitCode: number | undefined; stderr: string; cause: unknown }) {
    super(message, { cause: details.cause });
    this.exitCode = details.exitCode;
    this.stderr = details.stderr;
  }
}

/** Throws `exec-failed` for arguments that no program can have. */
function started<T>(file: string, start: () => T): T {
  try {
    return start();
  } catch (error) {
    const { message } = error as Error;
    throw new AgentError('exec-failed', `${file} failed: ${message}`, { cause: error });
  }
}

/** Gives what reads all that came so far. */
function collected(stream: Said, onTooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > OUTPUT_MAX) onTooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/**
 * Runs a program that lives on and calls back for each line of its standard output. Ends when the program ends, or
 * when `signal` ends it. Throws `exec-failed` when it ended by itself with an error.
 */
export type Follow = (
  file: string,
  args: readonly string[],
  onLine: (line: string) => void,
  signal: AbortSignal,
) => Promise<void>;

/** The Follow that the product uses. The program ends with us, unless we are killed; then it does at its next line. */
export const follow: Follow = async (file, args, onLine, signal) => {
  if (signal.aborted) return;
  const child = execa(file, args, {
    cancelSignal: signal,
    reject: false,
    buffer: false,
    stdin: 'ignore',
    stderr: 'ignore',
    extendEnv: false,
    env: ENVIRONMENT,
  });
  createInterface({ input: child.stdout }).on('line', onLine);
  const result = await child;
  if (result.failed && !signal.aborted) {
    throw new AgentError('exec-failed', `${file} failed: ${result.shortMessage}`, { cause: result });
  }
};

/** A program that is there for what it holds, such as a namespace. */
export interface Kept {
  readonly pid: number;
  /** Resolves when the program has ended, whoever ended it. */
  readonly ended: Promise<void>;
  end(): void;
}

/**
 * Starts a program that answers a line on its standard input with a line, and resolves once it has. It ends with us,
 * also when we are killed: its input ends then. Throws `exec-failed` when it does not answer within 5 s.
 */
export type Keep = (file: string, args: readonly string[]) => Promise<Kept>;

/** The Keep that the product uses. */
export const keep: Keep = async (file, args) => {
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdin: 'pipe',
    stderr: 'ignore',
    extendEnv: false,
    env: ENVIRONMENT,
  });
  // One that ended does not read; that is told below.
  child.stdin.on('error', () => undefined);
  child.stdin.write('\n');
  const ended = child.then(() => undefined);
  const answer = once(child.stdout, 'data', { signal: AbortSignal.timeout(5000) }).then(
    () => true,
    () => false,
  );
  const { pid } = child;
  if (!(await Promise.race([answer, ended.then(() => false)])) || pid === undefined) {
    child.kill('SIGKILL');
    throw new AgentError('exec-failed', `${file} ${args.join(' ')} does not run`);
  }
  return { pid, ended, end: () => void child.kill('SIGKILL') };
};

/** A program that is spoken with for as long as both want. */
export interface Conversation {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** What it says besides; nobody hears it unless that was asked for. */
  readonly stderr: Readable | undefined;
  /** Resolves when the program has ended, whoever ended it. */
  readonly ended: Promise<void>;
}

/** Starts such a program. It ends with us, also when we are killed, if it ends with its input. */
export function converse(
  file: string,
  args: readonly string[],
  { hear = false }: { hear?: boolean } = {},
): Conversation {
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    cleanup: false,
    stdin: 'pipe',
    stderr: hear ? 'pipe' : 'ignore',
    extendEnv: false,
    env: ENVIRONMENT,
  });
  // One that ended does not read; `ended` tells.
  child.stdin.on('error', () => undefined);
  const { stdin, stdout } = child;
  const stderr = (child.stderr ?? undefined) as Readable | undefined;
  return { stdin, stdout, stderr, ended: child.then(() => undefined) };
}

function inputOf(input: ExecOptions['input']) {
  if (input === undefined) return { stdin: 'ignore' } as const;
  // execa takes any descriptor, its types know the first few.
  return typeof input === 'number' ? { stdin: input as 3 } : { input };
}
