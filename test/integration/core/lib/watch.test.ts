// A watch on a directory tells of changes also where the kernel refuses inotify, and says that it polls.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rename, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openWatching } from '../../../../src/core/lib/watch.ts';

const noRoom = () => {
  throw Object.assign(new Error('EMFILE: too many open files, watch'), { code: 'EMFILE' });
};

function scratchDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'watch-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const program = mkdtempSync(join(tmpdir(), 'watcher-'));
beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'watcher.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: join(program, 'watcher.mjs'),
    logLevel: 'error',
  });
});
afterAll(() => rmSync(program, { recursive: true }));

describe('a watch where inotify has no room', () => {
  // The limits of a user namespace are its own: nobody else on this machine is short of anything.
  it.each([
    ['instances', 'EMFILE'],
    ['watches', 'ENOSPC'],
  ])('of %s, by the kernel itself, tells of every change and why it polls', async (what, code) => {
    using place = scratchDirectory();
    const script = `echo 0 >/proc/sys/user/max_inotify_${what}; exec "$0" "$@"`;
    const node = ['sh', '-c', script, process.execPath, join(program, 'watcher.mjs'), place.path];
    const child = spawn('unshare', ['--user', '--map-root-user', ...node], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const next = async () => String((await lines.next()).value);
      expect(await next()).toMatch(new RegExp(`^polled \\[.*${code}`));
      await writeFile(join(place.path, 'a'), '');
      expect(await next()).toBe('changed a');
      await unlink(join(place.path, 'a'));
      expect(await next()).toBe('changed a');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('tells of what is written, renamed and removed, and of the directory that goes', async () => {
    using place = scratchDirectory();
    const told: (string | null)[] = [];
    writeFileSync(join(place.path, 'old'), '');
    const onPoll = vi.fn();
    const watching = openWatching({ watch: noRoom, pollMs: 20, onPoll });
    const watch = watching.directory(place.path, (file) => told.push(file));
    expect(onPoll).toHaveBeenCalledExactlyOnceWith(watching.polled()[0]);
    const tells = async (...files: string[]) => {
      await vi.waitFor(() => expect([...told].sort()).toEqual(files), 5000);
      told.length = 0;
    };
    await writeFile(join(place.path, 'old'), 'more');
    await tells('old');
    await rename(join(place.path, 'old'), join(place.path, 'new'));
    await tells('new', 'old');
    rmSync(place.path, { recursive: true });
    await vi.waitFor(() => expect(told).toContain(basename(place.path)), 5000);
    watch.close();
    expect(watching.polled()).toEqual([]);
  });

  it('goes back to inotify when there is room again, and loses nothing on the way', async () => {
    using place = scratchDirectory();
    const told: (string | null)[] = [];
    let refused = 0;
    const { watch: inotify } = await import('node:fs');
    const watch = ((...args: Parameters<typeof inotify>) => {
      refused += 1;
      return refused < 3 ? noRoom() : inotify(...args);
    }) as typeof inotify;
    const watching = openWatching({ watch, pollMs: 3_600_000, retryMs: 30 });
    const open = watching.directory(place.path, (file) => told.push(file));
    expect(watching.polled()).toHaveLength(1);
    await writeFile(join(place.path, 'between'), '');
    await vi.waitFor(() => expect(watching.polled()).toEqual([]), 5000);
    await vi.waitFor(() => expect(told).toContain('between'), 5000);
    await writeFile(join(place.path, 'after'), '');
    await vi.waitFor(() => expect(told).toContain('after'), 5000);
    open.close();
  });

  it('is none where there is no directory', () => {
    expect(() => openWatching().directory('/nonexistent/x', () => {})).toThrow(/ENOENT/);
    expect(() => openWatching({ watch: noRoom }).directory('/nonexistent/x', () => {})).toThrow(/ENOENT/);
  });
});
