// The one place that starts other programs: argument arrays, never a shell, always a deadline.

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

/** The Exec that the product uses. PATH is fixed: a hook's caller may have set another one. */
export const exec: Exec = async (file, args, options = {}) => {
  const result = await execa(file, args, {
    timeout: options.deadlineMs ?? 5000,
    reject: false,
    extendEnv: false,
    env: { ...options.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    ...inputOf(options.input),
  });
  if (result.failed) {
    const said = result.stderr.trim() || result.shortMessage || 'no message';
    throw new AgentError('exec-failed', `${file} failed: ${said.split('\n')[0]}`, { cause: result });
  }
  return result.stdout;
};

function inputOf(input: ExecOptions['input']) {
  if (input === undefined) return { stdin: 'ignore' } as const;
  // execa takes any descriptor, its types know the first few.
  return typeof input === 'number' ? { stdin: input as 3 } : { input };
}
