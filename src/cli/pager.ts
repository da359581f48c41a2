// Long output through a pager, as git does it: the user's own, else less, which ends by itself where all fits.

import { type ChildProcess, spawn } from 'node:child_process';

export interface Pager {
  write(text: string): void;
  /** Resolves when the user has left the pager. */
  end(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The pager and what it is told by; undefined: print without one. Somebody who became root for this one command gets less
 * without its shell, and no program of their own choice.
 */
export function pagerOf(env: Environment): { command: string[]; env: Record<string, string> } | undefined {
  const borrowed = env.SUDO_UID !== undefined || env.PKEXEC_UID !== undefined || env.DOAS_USER !== undefined;
  const chosen = borrowed ? 'less' : (env.PAGER ?? 'less');
  const command = chosen.trim().split(/\s+/);
  if (command[0] === '' || command[0] === 'cat') return undefined;
  return {
    command,
    // Quit where it fits, colours as they are, and leave the text on the screen.
    env: {
      ...(env.LESS === undefined || borrowed ? { LESS: 'FRX' } : {}),
      ...(borrowed && { LESSSECURE: '1' }),
    },
  };
}

/** Keeps what fits on the screen back until the end, and prints it then; more than that goes through the pager. */
export function openPager(env: Environment, show: (text: string) => void, rows: number): Pager {
  const wanted = pagerOf(env);
  let kept = '';
  let lines = 0;
  let child: ChildProcess | undefined;
  let left: Promise<void> | undefined;
  let failed = wanted === undefined;

  const start = ({ command: [file = '', ...args], env: more }: NonNullable<typeof wanted>) => {
    const started = spawn(file, args, { stdio: ['pipe', 'inherit', 'inherit'], env: { ...env, ...more } });
    child = started;
    // Whoever leaves the pager has seen enough, and what is left to write goes nowhere.
    started.stdin?.on('error', () => undefined);
    const ignore = () => undefined;
    process.on('SIGINT', ignore);
    left = new Promise<void>((resolve) => {
      started.once('error', () => {
        failed = true;
        show(kept);
        resolve();
      });
      started.once('exit', () => resolve());
    }).then(() => void process.off('SIGINT', ignore));
    started.stdin?.write(kept);
  };

  return {
    write(text) {
      if (failed) return show(text);
      if (child === undefined || child.pid === undefined) kept += text;
      else return void child.stdin?.write(text);
      lines += 1;
      if (child === undefined && wanted && lines >= rows) start(wanted);
    },
    async end() {
      if (child === undefined) return failed ? undefined : show(kept);
      child.stdin?.end();
      await left;
    },
  };
}
