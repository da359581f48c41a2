// The watch on guests' configurations, on real directories that go and come as when pmxcfs is restarted.

import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openWatching, type WatchingOptions } from '../../../../src/core/lib/watch.ts';
import { type ProxmoxWatch, watchProxmox } from '../../../../src/runtimes/proxmox/watch.ts';

/** As where the kernel has no room for another inotify instance. */
const noRoom = () => {
  throw Object.assign(new Error('EMFILE: too many open files, watch'), { code: 'EMFILE' });
};

describe.each([
  ['inotify', {}],
  ['polling', { watch: noRoom, pollMs: 20 }],
])('by %s', (_, options: WatchingOptions) => {
  let root: string;
  let node: string;
  let watch: ProxmoxWatch;
  let changed: number[];
  let backs: number;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'proxmox-watch-'));
    node = join(root, 'nodes/pve1');
    await mount();
    for (const kind of ['qemu-server', 'lxc']) await symlink(`nodes/pve1/${kind}`, join(root, kind));
    changed = [];
    backs = 0;
    watch = watchProxmox(openWatching(options), root, {
      onChange: (vmid) => changed.push(vmid),
      onBack: () => {
        backs += 1;
      },
    });
    await watch.ensure();
  });

  afterEach(async () => {
    watch.close();
    await rm(root, { recursive: true });
  });

  async function mount(): Promise<void> {
    for (const kind of ['qemu-server', 'lxc']) await mkdir(join(node, kind), { recursive: true });
  }

  /** As Proxmox does: written beside it, then renamed. */
  async function write(vmid: number, kind = 'qemu-server'): Promise<void> {
    const path = join(node, kind, `${vmid}.conf`);
    await writeFile(`${path}.tmp.1`, '');
    await rename(`${path}.tmp.1`, path);
  }

  const told = (vmid: number) => vi.waitFor(() => expect(changed).toContain(vmid), 5_000);
  const back = (count: number) => vi.waitFor(() => expect(backs).toBeGreaterThanOrEqual(count), 10_000);

  describe('a configuration', () => {
    it('is told when it is written, moved away or removed', async () => {
      await write(101);
      await told(101);
      await write(201, 'lxc');
      await told(201);
      changed.length = 0;
      await rename(join(node, 'lxc/201.conf'), join(root, '201.conf'));
      await told(201);
      await rm(join(node, 'qemu-server/101.conf'));
      await told(101);
      expect(backs).toBe(0);
    });

    it('is told exactly as before while the directories are watched anew at each look', async () => {
      for (let vmid = 100; vmid < 200; vmid++) {
        const requeueAfterMs = watch.ensure();
        await write(vmid);
        await requeueAfterMs;
      }
      await vi.waitFor(() => expect(new Set(changed).size).toBe(100), 5_000);
      expect(backs).toBe(0);
    });
  });

  describe('a directory that goes and comes back', () => {
    it('is watched again by itself, and said to be back', async () => {
      await rm(node, { recursive: true });
      await mount();
      await back(1);
      await write(101);
      await told(101);
      await write(201, 'lxc');
      await told(201);
    });

    it('is watched again when it comes back later', async () => {
      await rm(node, { recursive: true });
      // Longer than the first try waits.
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect(backs).toBe(0);
      await mount();
      await back(1);
      await write(102);
      await told(102);
    });

    it('is watched again each time', async () => {
      for (const time of [1, 2, 3]) {
        const before = backs;
        await rm(node, { recursive: true });
        await mount();
        await back(before + 1);
        await write(100 + time);
        await told(100 + time);
      }
    });

    it('is found by the next look when another one was put over it', async () => {
      await rename(node, join(root, 'nodes/pve1.old'));
      await mount();
      await watch.ensure();
      await write(103);
      await told(103);
    });

    it.skipIf(options.watch)('is no other when only its mode was changed', async () => {
      await chmod(join(node, 'lxc'), 0o750);
      await write(202, 'lxc');
      await back(1);
      changed.length = 0;
      await write(203, 'lxc');
      await told(203);
    });
  });

  describe('a closed watch', () => {
    it('does not come back', async () => {
      await rm(node, { recursive: true });
      watch.close();
      await mount();
      await watch.ensure();
      await new Promise((resolve) => setTimeout(resolve, 400));
      await write(101);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect([changed, backs]).toEqual([[], 0]);
    });
  });
});
