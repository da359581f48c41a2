// Programs that the helper starts come to the same as programs that the agent starts itself.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { isAgentError } from '../../src/core/lib/errors.ts';
import { type Conversation, converse, type ExecOptions, exec, keep } from '../../src/core/lib/exec.ts';
import { type Launcher, openLauncher } from '../../src/core/lib/launcher.ts';

const PROGRAM = fileURLToPath(new URL('../../packaging/deb/launch.pl', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'opa-launcher-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let launcher: Launcher | undefined;
afterEach(() => launcher?.close());

function open(program = PROGRAM) {
  const started: Conversation[] = [];
  const direct: string[] = [];
  const problems: string[] = [];
  launcher = openLauncher({
    start: () => {
      const conversation = converse('perl', [program]);
      started.push(conversation);
      return conversation;
    },
    direct: (file, args, options) => {
      direct.push(file);
      return exec(file, args, options);
    },
    onProblem: (problem) => problems.push(problem),
  });
  return { exec: launcher.exec, started, direct, problems };
}

type Call = [file: string, args: string[], options?: ExecOptions];

async function outcomeOf(run: typeof exec, [file, args, options]: Call) {
  try {
    return { said: await run(file, args, options) };
  } catch (error) {
    if (!isAgentError(error, 'exec-failed')) throw error;
    const { exitCode, stderr } = error.cause as { exitCode?: number; stderr: string };
    return { message: error.message, exitCode, stderr };
  }
}

const sh = (script: string): [string, string[]] => ['sh', ['-c', script]];

describe('a program', () => {
  it.each<[string, Call]>([
    ['that says something', ['echo', ['one', 'two  three', 'ä\n', '']]],
    ['that says nothing', ['true', []]],
    ['that fails without a word', sh('exit 0; true')],
    ['that complains and fails', sh('echo wrong >&2; echo more >&2; exit 3')],
    ['that complains and does well', sh('echo careful >&2; echo done')],
    ['that reads what it is given', ['cat', [], { input: 'a line\nand another' }]],
    ['that reads nothing of it', ['true', [], { input: 'x'.repeat(1_000_000) }]],
    ['that is given much and says as much', ['cat', [], { input: randomBytes(900_000).toString('hex') }]],
    ['with nothing to read', ['cat', []]],
    [
      'that asks for its variables',
      ['sh', ['-c', 'env | sort | grep -v ^PWD='], { env: { A: '1=2', B: 'x\ny' } }],
    ],
    ['that minds a broken pipe', sh('yes | head -n 1')],
  ])('%s', async (_, call) => {
    const { exec: launched, direct } = open();
    expect(await outcomeOf(launched, call)).toEqual(await outcomeOf(exec, call));
    expect(direct).toEqual([]);
  });

  it('that fails without a word is told by its exit code, and one that is killed by its signal', async () => {
    const { exec: launched } = open();
    await expect(launched('false', [])).rejects.toMatchObject({
      code: 'exec-failed',
      message: expect.stringContaining('false failed: Command failed with exit code 1'),
      cause: { exitCode: 1 },
    });
    await expect(launched(...sh('kill -9 $$'))).rejects.toMatchObject({
      message: expect.stringContaining('killed with signal 9'),
    });
  });

  it('has pipes, which it may open anew, and no descriptor of another', async () => {
    const { exec: launched } = open();
    const kinds = 'for fd in 0 1 2; do readlink /proc/self/fd/$fd | cut -d: -f1; done';
    expect(await launched('sh', ['-c', kinds], { input: 'x' })).toBe('pipe\npipe\npipe');
    const count = () => launched('sh', ['-c', 'ls /proc/self/fd | wc -l']);
    const alone = await count();
    const [among] = await Promise.all([
      count(),
      ...Array.from({ length: 5 }, () => launched('cat', [], { input: 'y'.repeat(200_000) })),
      count(),
    ]);
    expect(among).toBe(alone);
  });

  it('that is not there fails', async () => {
    const { exec: launched } = open();
    await expect(launched('no-such-program', ['x'])).rejects.toMatchObject({
      code: 'exec-failed',
      message: expect.stringContaining('no-such-program failed: spawn no-such-program: No such file'),
    });
  });

  it('whose output has no end is given up', async () => {
    const { exec: launched } = open();
    await expect(launched('head', ['-c', '20M', '/dev/zero'])).rejects.toMatchObject({
      message: expect.stringContaining('it said more than 16 MiB'),
    });
    expect(await launched('echo', ['next'])).toBe('next');
  });

  it('is ended at its deadline, whatever it has left with its output', async () => {
    const { exec: launched } = open();
    const began = performance.now();
    const late = launched('sh', ['-c', 'sleep 30 & echo $$; exec sleep 30'], { deadlineMs: 300 });
    await expect(late).rejects.toMatchObject({
      message: expect.stringContaining('it was not done within 300 ms'),
    });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(await launched('echo', ['next'])).toBe('next');
  });

  it('with an open file for its input, or a word that none can have, is started by the agent itself', async () => {
    const { exec: launched, direct } = open();
    await launched('true', [], { input: 0 });
    await expect(launched('echo', ['a\0b'])).rejects.toMatchObject({ code: 'exec-failed' });
    expect(direct).toEqual(['true', 'echo']);
  });

  it('in a network namespace needs no nsenter', async () => {
    const { exec: launched } = open();
    const other = await keep('unshare', ['--net', 'cat']);
    try {
      const within = (pid: number): Call => [
        'nsenter',
        [`--net=/proc/${pid}/ns/net`, '--', 'readlink', '/proc/self/ns/net'],
      ];
      const theirs = await outcomeOf(launched, within(other.pid));
      expect(theirs).toEqual(await outcomeOf(exec, within(other.pid)));
      expect(theirs).not.toEqual(await outcomeOf(launched, within(process.pid)));
      const gone = await outcomeOf(launched, within(2 ** 22 + 1));
      expect(gone).toMatchObject({
        message: expect.stringContaining('nsenter failed: nsenter: cannot open'),
      });
    } finally {
      other.end();
    }
  });
});

it('sixty programs at once end each with its own answer, by one helper', async () => {
  const { exec: launched, started } = open();
  const numbers = Array.from({ length: 60 }, (_, n) => String(n));
  const said = await Promise.all(
    numbers.map((n) => launched('sh', ['-c', 'read x; echo "$0 $x"', n], { input: `in ${n}\n` })),
  );
  expect(said).toEqual(numbers.map((n) => `${n} in ${n}`));
  expect(started).toHaveLength(1);
});

it('a helper that ends fails what it has under way, and the next program has another one', async () => {
  const { exec: launched, started } = open();
  const parent = Number(await launched('sh', ['-c', 'echo $PPID']));
  const running = launched('sleep', ['30']).catch((error: unknown) => error);
  process.kill(parent, 'SIGKILL');
  expect(await running).toMatchObject({
    code: 'exec-failed',
    message: expect.stringContaining('the helper that started it has ended'),
  });
  expect(await launched('echo', ['next'])).toBe('next');
  expect(started).toHaveLength(2);
});

it('ends with its requests, and lets come to an end what it has started', async () => {
  const { exec: launched, started } = open();
  await launched('true', []);
  const running = launched('sh', ['-c', 'sleep 0.3; echo done']);
  await launched('true', []);
  launcher?.close();
  expect(await running).toBe('done');
  await started[0]?.ended;
});

it('without a helper that works the agent starts programs itself, and says so once', async () => {
  const { exec: launched, direct, problems, started } = open(join(directory, 'missing.pl'));
  expect(await launched('echo', ['one'])).toBe('one');
  expect(await launched('echo', ['two'])).toBe('two');
  expect(direct).toEqual(['echo', 'echo']);
  expect(problems).toHaveLength(1);
  expect(started).toHaveLength(1);
});
