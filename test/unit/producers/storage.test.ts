// Storage: where a path lies, and how full that is; each told once.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LEVELS, nextLevel, RELIEF, usedPercent } from '../../../src/producers/storage/fill-level.ts';
import { mountOf, parseMountinfo } from '../../../src/producers/storage/mountinfo.ts';
import { type StorageParts, watchStorage } from '../../../src/producers/storage/watch-storage.ts';
import { blockProblem } from '../core/ledger/registry.ts';
import { appender } from './appender.ts';

const ROOT = '1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro';
const PVE = '60 1 0:50 / /etc/pve rw,nosuid,nodev,relatime shared:30 - fuse /dev/fuse rw,user_id=0';

describe('mountinfo', () => {
  it('is read as proc(5) has it, with any number of optional fields', () => {
    const lines = [
      ROOT,
      PVE,
      '61 1 0:51 / /a\\040b\\134c ro,nosuid master:1 propagate_from:2 - tmpfs x ro',
      'x',
      '',
    ];
    expect(parseMountinfo(lines.join('\n'))).toEqual([
      { at: '/', source: '/dev/sda1', type: 'ext4', access: 'rw' },
      { at: '/etc/pve', source: '/dev/fuse', type: 'fuse', access: 'rw' },
      { at: '/a b\\c', source: 'x', type: 'tmpfs', access: 'ro' },
    ]);
  });

  it('says read-only where the mount or the file system is', () => {
    expect(parseMountinfo('1 0 8:1 / / rw - ext4 /dev/sda1 ro')).toMatchObject([{ access: 'ro' }]);
    expect(parseMountinfo('1 0 8:1 / / ro - ext4 /dev/sda1 rw')).toMatchObject([{ access: 'ro' }]);
  });

  it('gives a path to the deepest mount, and of two at one place to the last', () => {
    const at = (path: string, type = 'a') => ({ at: path, source: 's', type, access: 'rw' as const });
    const mounts = [at('/'), at('/var'), at('/var/lib', 'b'), at('/var/lib', 'c'), at('/var/libx')];
    expect(mountOf('/var/lib/docker', mounts)).toEqual(at('/var/lib', 'c'));
    expect(mountOf('/var/lib', mounts)).toEqual(at('/var/lib', 'c'));
    expect(mountOf('/var/liby', mounts)).toEqual(at('/var'));
    expect(mountOf('/srv', mounts)).toEqual(at('/'));
    expect(mountOf('/srv', [])).toBeUndefined();
  });
});

describe('a level', () => {
  const percent = fc.double({ min: 0, max: 100, noNaN: true });
  it('never changes while use moves by less than the relief around where it is', () => {
    fc.assert(
      fc.property(percent, fc.array(fc.double({ min: -1.49, max: 1.49, noNaN: true })), (middle, moves) => {
        const levels = new Set<number>();
        let level = nextLevel(0, Math.min(100, middle + 1.49));
        for (const move of moves) {
          level = nextLevel(level, Math.min(100, Math.max(0, middle + move)));
          levels.add(level);
        }
        expect(levels.size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is never below what is full now, and never above what was full within the relief', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, ...LEVELS), percent, (before, now) => {
        const level = nextLevel(before, now);
        for (const each of LEVELS) if (now >= each) expect(level).toBeGreaterThanOrEqual(each);
        if (level > 0) expect(now).toBeGreaterThan(level - RELIEF);
      }),
    );
  });

  it('is of what df calls use', () => {
    expect(usedPercent({ blocks: 1000, bfree: 250, bavail: 200 })).toBe(78.9);
    expect(usedPercent({ blocks: 0, bfree: 0, bavail: 0 })).toBe(0);
  });
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'storage-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a look', () => {
  const book = appender();
  const host = { mountinfo: '', bavail: 900 };
  const errors: unknown[] = [];
  const open = (parts: Partial<StorageParts> = {}) =>
    watchStorage({
      ledger: book,
      paths: ['/etc/pve', '/var/lib/docker'],
      seenFile: join(folder, 'seen.json'),
      everyMs: 1e9,
      now: () => 0,
      steady: () => 0,
      warn: () => undefined,
      onError: (error) => void errors.push(error),
      readMountinfo: async () => host.mountinfo,
      statfs: async () => ({ bsize: 4096, blocks: 1000, bfree: host.bavail, bavail: host.bavail }),
      ...parts,
    });
  beforeEach(() => {
    book.entries.length = 0;
    errors.length = 0;
    Object.assign(host, { mountinfo: `${ROOT}\n${PVE}`, bavail: 900 });
  });

  it('tells nothing the first time, and then what came, went, or cannot be written any more', async () => {
    const watch = await open();
    await watch.look();
    expect(book.entries).toEqual([]);
    host.mountinfo = ROOT;
    await watch.look();
    host.mountinfo = `${ROOT.replaceAll('rw,', 'ro,')}\n${PVE}`;
    await watch.look();
    expect(book.entries.map(({ data }) => data)).toMatchObject([
      { path: '/etc/pve', from: { at: '/etc/pve', type: 'fuse' }, to: { at: '/' }, found: 'running' },
      { path: '/etc/pve', from: { at: '/' }, to: { at: '/etc/pve' } },
      { path: '/var/lib/docker', from: { access: 'rw' }, to: { access: 'ro' } },
    ]);
    expect(book.entries.map(blockProblem).filter(Boolean)).toEqual([]);
    await watch.close();
  });

  it('after a start tells what changed meanwhile', async () => {
    await (await open()).close();
    host.mountinfo = ROOT;
    await (await open()).close();
    expect(book.entries).toMatchObject([
      { action: 'mount_changed', data: { path: '/etc/pve', found: 'start' } },
    ]);
  });

  it('tells each level once, over restarts too', async () => {
    const watch = await open();
    for (const bavail of [150, 160, 60, 40, 45, 300]) {
      host.bavail = bavail;
      await watch.look();
    }
    await (await open()).close();
    const told = book.entries.filter(({ data }) => (data as { at: string }).at === '/');
    expect(told.map(({ action, data }) => [action, (data as { level: number }).level])).toEqual([
      ['storage_filling', 80],
      ['storage_filling', 90],
      ['storage_filling', 95],
      ['storage_relieved', 0],
    ]);
    expect(told[0]?.data).toMatchObject({
      paths: ['/var/lib/docker'],
      used_percent: 85,
      size_bytes: 4_096_000,
    });
    expect(book.entries.map(blockProblem).filter(Boolean)).toEqual([]);
  });

  it('that cannot be recorded is told by the next, and a file system that hangs is asked once', async () => {
    let asked = 0;
    const watch = await open({
      statfs: (path) => {
        asked += path === '/' ? 1 : 0;
        return path === '/' ? new Promise(() => undefined) : Promise.reject(new Error('gone'));
      },
    });
    host.mountinfo = ROOT;
    book.fails = true;
    await watch.look();
    expect(errors).toHaveLength(1);
    book.fails = false;
    await watch.look();
    expect(book.entries).toHaveLength(1);
    expect(asked).toBe(1);
  }, 30_000);
});
