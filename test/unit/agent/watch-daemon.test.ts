// A daemon's start is told of by the file of its process id.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchDaemonStart } from '../../../src/agent/watch-daemon.ts';
import { openWatching } from '../../../src/core/lib/watch.ts';

const watching = openWatching();

describe('a watch over the start of a daemon', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'watch-daemon-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('tells of the start, and of nothing when the daemon stops', async () => {
    const [pidFile, other] = [join(directory, 'ovs-vswitchd.pid'), join(directory, 'other.pid')];
    const [onStart, onOther] = [vi.fn(), vi.fn()];
    const watches = [
      watchDaemonStart(watching, pidFile, onStart),
      watchDaemonStart(watching, other, onOther),
    ];
    await writeFile(pidFile, '1\n');
    await vi.waitFor(() => expect(onStart).toHaveBeenCalled());
    // The kernel tells of files of one directory in order: what is told of the other one comes after.
    await writeFile(other, '1\n');
    await vi.waitFor(() => expect(onOther).toHaveBeenCalled());
    onStart.mockClear();
    onOther.mockClear();
    await rm(pidFile);
    await writeFile(other, '2\n');
    await vi.waitFor(() => expect(onOther).toHaveBeenCalled());
    expect(onStart).not.toHaveBeenCalled();
    await writeFile(pidFile, '2\n');
    await vi.waitFor(() => expect(onStart).toHaveBeenCalled());
    for (const watch of watches) watch.close();
  });

  it('is no watch, and no error, where there is no such directory', () => {
    watchDaemonStart(watching, join(directory, 'none', 'x.pid'), vi.fn()).close();
  });
});
