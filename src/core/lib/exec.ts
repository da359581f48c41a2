// The one place that starts other programs: argument arrays, never a shell, always a deadline.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
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

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** A program that is asked to end has this long to do so. */
const GRACE_MS = 5000;
const GONE_MS = 1000;

/** How a program ended that did not end well; undefined what did not come about. */
export class ProgramFailure extends Error {
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(message: string, details: { exitCode?: number | undefined; stderr?: string; cause?: unknown }) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.exitCode = details.exitCode;
    this.stderr = details.stderr ?? '';
  }
}

/** The Exec that the product uses. PATH is fixed: a hook's caller may have set another one. */
export const exec: Exec = async (file, args, options = {}) => {
  const { deadlineMs = 5000, input } = options;
  const stdin = typeof input === 'number' ? input : input === undefined ? 'ignore' : 'pipe';
  const running = start(file, args, [stdin, 'pipe', 'pipe'], options.env);
  const { child } = running;
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) =>
    collected(stream, () => running.end(`it said more than ${OUTPUT_MAX / 1024 / 1024} MiB`)),
  );
  // A program that ends without reading does so for a reason that it tells.
  child.stdin?.on('error', () => undefined);
  if (typeof input === 'string') child.stdin?.end(input);
  const deadline = setTimeout(() => running.end(`it was not done within ${deadlineMs} ms`), deadlineMs);
  const failure = await running.ended.finally(() => clearTimeout(deadline));
  if (failure === undefined) return (stdout?.() ?? '').replace(/\r?\n$/, '');
  const complaint = stderr?.() ?? '';
  const said = complaint.trim() || failure.message;
  const { exitCode, cause } = failure;
  throw new AgentError('exec-failed', `${file} failed: ${said.split('\n')[0]}`, {
    cause: new ProgramFailure(failure.message, { exitCode, cause, stderr: complaint }),
  });
};

interface Running {
  child: ChildProcess;
  /** Resolves once it has ended and all that it said was read; with why when it did not end well. Does not reject. */
  ended: Promise<ProgramFailure | undefined>;
  /** Ends it, at first with a signal that it may act on, and makes `why` the reason of its end. */
  end(why: string): void;
}

/** By Node itself: a library around it took three times as long, and the agent starts dozens for a container. */
function start(
  file: string,
  args: readonly string[],
  stdio: StdioOptions,
  env: Readonly<Record<string, string>> = {},
): Running {
  let child: ChildProcess;
  try {
    child = spawn(file, args, { stdio, env: { ...env, ...ENVIRONMENT } });
  } catch (error) {
    throw new AgentError('exec-failed', `${file} failed: ${(error as Error).message}`, { cause: error });
  }
  let why: string | undefined;
  let settle: (failure: ProgramFailure | undefined) => void = () => undefined;
  let kill: NodeJS.Timeout | undefined;
  const ended = new Promise<ProgramFailure | undefined>((resolve) => {
    settle = (failure) => {
      clearTimeout(kill);
      resolve(failure);
    };
  });
  const finish = (exitCode: number | null, signal: NodeJS.Signals | null) => {
    const reason = why ?? (signal === null ? `exit code ${exitCode}` : `it was ended by ${signal}`);
    const isFine = why === undefined && exitCode === 0;
    settle(isFine ? undefined : new ProgramFailure(reason, { exitCode: exitCode ?? undefined }));
  };
  child.on('error', (error) => {
    // Otherwise it runs, and could not be sent a signal.
    if (child.pid === undefined) settle(new ProgramFailure(error.message, { cause: error }));
  });
  child.on('close', finish);
  // What it has started may hold its output open for ever.
  child.on('exit', (exitCode, signal) => {
    if (why !== undefined) finish(exitCode, signal);
  });
  return {
    child,
    ended,
    end(reason) {
      if (why !== undefined) return;
      why = reason;
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
      if (child.exitCode !== null || child.signalCode !== null)
        return finish(child.exitCode, child.signalCode);
      child.kill('SIGTERM');
      kill = setTimeout(() => {
        child.kill('SIGKILL');
        // One that hangs in the kernel ends when that lets go of it; nobody waits for that.
        kill = setTimeout(finish, GONE_MS, null, null);
      }, GRACE_MS);
    },
  };
}

/** Gives what reads all that came so far. */
function collected(stream: ChildProcess['stdout'], onTooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > OUTPUT_MAX) onTooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** Ends the program with us, unless we are killed. */
function endsWithUs({ child, ended }: Running): void {
  const end = () => void child.kill('SIGTERM');
  process.once('exit', end);
  void ended.then(() => process.off('exit', end));
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
  const running = start(file, args, ['ignore', 'pipe', 'ignore']);
  endsWithUs(running);
  const { stdout } = running.child;
  if (stdout !== null && stdout !== undefined) createInterface({ input: stdout }).on('line', onLine);
  const abort = () => running.end('nobody listens any more');
  signal.addEventListener('abort', abort, { once: true });
  const failure = await running.ended.finally(() => signal.removeEventListener('abort', abort));
  if (failure !== undefined && !signal.aborted) {
    throw new AgentError('exec-failed', `${file} failed: ${failure.message}`, { cause: failure });
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
  const running = start(file, args, ['pipe', 'pipe', 'ignore']);
  endsWithUs(running);
  const { child } = running;
  // One that ended does not read; that is told below.
  child.stdin?.on('error', () => undefined);
  child.stdin?.write('\n');
  const ended = running.ended.then(() => undefined);
  const answer =
    child.stdout !== null &&
    once(child.stdout, 'data', { signal: AbortSignal.timeout(5000) }).then(
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
