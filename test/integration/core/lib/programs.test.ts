// What comes of a program: what it says, why it failed, and that none is waited for too long.

import { open } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { exec, follow } from '../../../../src/core/lib/exec.ts';

const sh = (script: string, options = {}) => exec('sh', ['-c', script], options);

describe('a program', () => {
  it('gives what it says, without the end of its last line, and in the order in which it says it', async () => {
    expect(await sh('echo one; echo; echo two')).toBe('one\n\ntwo');
    expect(await sh('printf "ä\\n\\n"')).toBe('ä\n');
    expect(await exec('true', [])).toBe('');
  });

  it('gets its input from a text or from an open file, and need not read it', async () => {
    expect(await exec('cat', [], { input: 'text' })).toBe('text');
    await using file = await open('/proc/version');
    expect(await exec('cat', [], { input: file.fd })).toMatch(/^Linux version/);
    expect(await exec('true', [], { input: 'x'.repeat(4 << 20) })).toBe('');
    expect(await sh('cat; echo end')).toBe('end');
  });

  it('has no variables of ours but those that are meant for it', async () => {
    const names = (text: string) => text.split('\n').map((line) => line.split('=')[0]);
    expect(names(await exec('env', [], { env: { LXC_NAME: 'web', PATH: '/tmp' } })).sort()).toEqual([
      'LC_ALL',
      'LXC_NAME',
      'PATH',
    ]);
    expect(await sh('echo $PATH', { env: { PATH: '/tmp' } })).toBe('/usr/sbin:/usr/bin:/sbin:/bin');
  });

  it('that fails says why, and how it ended is in the cause', async () => {
    await expect(sh('echo half; echo because >&2; echo more >&2; exit 3')).rejects.toMatchObject({
      code: 'exec-failed',
      message: expect.stringContaining('sh failed: because'),
      cause: { exitCode: 3, stderr: 'because\nmore\n' },
    });
    await expect(sh('exit 4')).rejects.toThrow('exit code 4');
    await expect(sh('kill -9 $$')).rejects.toThrow('SIGKILL');
  });

  it.each([
    ['no-such-program', 'ENOENT'],
    ['/etc/passwd', 'EACCES'],
  ])('that cannot be started, as %s, is told with the reason of the system', async (file, code) => {
    await expect(exec(file, [])).rejects.toMatchObject({ code: 'exec-failed', cause: { cause: { code } } });
  });

  it('is not started with an argument that no program can have', async () => {
    await expect(exec('true', ['a\0b'])).rejects.toMatchObject({ code: 'exec-failed' });
  });

  it('that takes too long is ended', async () => {
    const began = performance.now();
    await expect(exec('sleep', ['60'], { deadlineMs: 100 })).rejects.toThrow('not done within 100 ms');
    expect(performance.now() - began).toBeLessThan(30_000);
  }, 60_000);

  it('that does not want to end is ended all the same', async () => {
    const stubborn = sh('trap "" TERM; echo $$ >&2; while :; do sleep 1; done', { deadlineMs: 3000 });
    const failure = (await stubborn.catch((error: unknown) => error)) as { cause: { stderr: string } };
    const pid = Number(failure.cause.stderr);
    expect(pid).toBeGreaterThan(1);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  }, 60_000);

  it('that left another one with its output is waited for no longer than its deadline', async () => {
    await expect(sh('sleep 20 & exit 0', { deadlineMs: 300 })).rejects.toThrow('not done within 300 ms');
  });
});

describe('a program that lives on', () => {
  it('tells line by line until nobody listens any more', async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    const script = 'trap "exit 7" TERM; n=0; while :; do echo $((n += 1)); sleep 0.05; done';
    await follow(
      'sh',
      ['-c', script],
      (line) => {
        lines.push(line);
        if (lines.length === 3) stop.abort();
      },
      stop.signal,
    );
    expect(lines.slice(0, 3)).toEqual(['1', '2', '3']);
    await follow('sh', ['-c', 'exit 1'], () => undefined, stop.signal);
  });

  it('that ends by itself is an error unless it ended well, and all its lines were told', async () => {
    const lines: string[] = [];
    const { signal } = new AbortController();
    await follow('seq', ['1000'], (line) => lines.push(line), signal);
    expect(lines.length).toBe(1000);
    await expect(follow('sh', ['-c', 'exit 5'], () => undefined, signal)).rejects.toThrow('exit code 5');
    await expect(follow('no-such-program', [], () => undefined, signal)).rejects.toThrow('ENOENT');
  });
});
