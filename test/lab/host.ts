// A throw-away host for a test: small typed functions around the lab command.
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

export type Suite = 'forky' | 'trixie' | 'bookworm';

export type CommandResult = { stdout: string; stderr: string; exitCode: number };

export type ExecOptions = {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  /** ms; when it is over the command is ended and the promise rejects. Default: none. */
  timeout?: number;
  /** Told each line of standard error as it comes; the result has them all the same. */
  onStderr?: (line: string) => void;
};

export type Host = {
  readonly name: string;
  /** Runs one command, no shell; any exit code is a result. */
  exec(command: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** Runs a bash script (stops at the first failing command), gives its stdout, throws with its stderr. */
  sh(script: string, options?: Omit<ExecOptions, 'input'>): Promise<string>;
  /** Installs a .deb of this machine, offline, as a person would with apt. */
  installDeb(path: string): Promise<void>;
  /**
   * Boots again with the disk it has; /run is empty then, daemons are new, the network namespace too. Resolves once
   * systemd is up. `powerCut`: nothing in the host is told before.
   */
  reboot(options?: { powerCut?: boolean }): Promise<void>;
  down(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type HostOptions = {
  /** directories of this machine by their path inside; the root's own file system is memory */
  binds?: Record<string, string>;
  /** names of packages that hosts of the suite have not got else */
  with?: readonly 'network-manager'[];
};

const lab = fileURLToPath(new URL('lab', import.meta.url));

/** Boots a host; its name is `name` with this process's id, so that runs side by side do not meet. */
export async function upHost(suite: Suite, name: string, options: HostOptions = {}): Promise<Host> {
  const unique = `${name}-${process.pid}`;
  const bind = Object.entries(options.binds ?? {}).map(([inside, here]) => `${here}:${inside}`);
  await execa(lab, ['up', suite, unique], {
    env: {
      LAB_OWNER: String(process.pid),
      LAB_BIND: bind.join(' '),
      LAB_WITH: (options.with ?? []).join(' '),
    },
  });
  return makeHost(unique);
}

function makeHost(name: string): Host {
  const down = async () => {
    await execa(lab, ['down', name]);
  };
  return {
    name,
    exec: (command, options) => execIn(name, command, options),
    sh: (script, options) => shIn(name, script, options),
    installDeb: (path) => installDebIn(name, path),
    reboot: async ({ powerCut = false } = {}) => {
      await execa(lab, ['reboot', name, ...(powerCut ? ['--power-cut'] : [])]);
    },
    down,
    [Symbol.asyncDispose]: down,
  };
}

async function execIn(
  name: string,
  command: readonly string[],
  { input, env = {}, timeout, onStderr }: ExecOptions = {},
): Promise<CommandResult> {
  const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const running = execa(lab, ['exec', name, '--', 'env', ...settings, ...command], {
    reject: false,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    ...(timeout === undefined ? {} : { timeout }),
  });
  if (onStderr !== undefined) createInterface({ input: running.stderr }).on('line', onStderr);
  const result = await running;
  if (result.exitCode === undefined) {
    throw new Error(
      `${command.join(' ')}: ${result.timedOut ? `not done within ${timeout} ms` : result.signal}`,
    );
  }
  return { stdout: result.stdout, stderr: result.stderr, exitCode: result.exitCode };
}

async function shIn(name: string, script: string, options?: Omit<ExecOptions, 'input'>): Promise<string> {
  const result = await execIn(name, ['bash', '-euo', 'pipefail', '-c', script], options);
  if (result.exitCode !== 0) {
    // The first line is all that a summary shows.
    const complaint = (result.stderr.trim() || result.stdout.trim()).split('\n').at(-1);
    throw new Error(
      `exit code ${result.exitCode}: ${complaint}\n${script}\n${result.stderr}\n${result.stdout}`,
    );
  }
  return result.stdout;
}

async function installDebIn(name: string, path: string): Promise<void> {
  const inside = `/tmp/${basename(path)}`;
  await execa(lab, ['exec', name, '--', 'sh', '-c', 'cat >"$0"', inside], { inputFile: path });
  await shIn(name, `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${inside}`);
}
