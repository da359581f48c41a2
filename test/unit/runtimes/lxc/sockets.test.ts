// Which LXC containers run, from the kernel's list of sockets.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLxcContainers } from '../../../../src/runtimes/lxc/containers.ts';
import { commandSockets, lxcPathOf, socketHash } from '../../../../src/runtimes/lxc-sockets.ts';

const HEAD = 'Num       RefCount Protocol Flags    Type St Inode Path';
const line = (inode: number, path: string, flags = '00010000') =>
  `0000000000000000: 00000002 00000000 ${flags} 0001 01 ${String(inode).padStart(5)} ${path}`;

describe('the command sockets', () => {
  it('are those that listen, with the container that they belong to', () => {
    const text = [
      HEAD,
      line(12, '@/var/lib/lxc/web/command'),
      line(13, '@/var/lib/lxc/web/command', '00000000'),
      line(14, '/run/docker.sock'),
      line(15, '@/srv/my containers/a b/command'),
      line(16, '@lxc/0123456789abcdef/command'),
      line(17, '@/command'),
      line(18, ''),
      line(19, '@/var/lib/lxc/db/state'),
    ].join('\n');
    expect(commandSockets(text)).toEqual([
      { inode: '12', lxcPath: '/var/lib/lxc', name: 'web' },
      { inode: '15', lxcPath: '/srv/my containers', name: 'a b' },
      { inode: '16', hash: '0123456789abcdef' },
    ]);
  });

  it('are read from any text without a throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void commandSockets(`${text}/command`)));
  });

  it('have a hash for a name that is too long', () => {
    // FNV-1a of 64 bits, as its authors publish it for "a" and "foobar".
    expect(socketHash('', 'a')).toBe('af63dc4c8601ec8c');
    expect(socketHash('', 'foobar')).toBe('85944171f73967e8');
  });
});

it('takes the directory that LXC is configured for', () => {
  expect(lxcPathOf('# lxc.lxcpath = /no\nlxc.lxcpath = /srv/lxc\nlxc.bdev.lvm.vg = x\n')).toBe('/srv/lxc');
  expect(lxcPathOf('lxc.lxcpath = relative\n')).toBeUndefined();
});

describe('the containers that run', () => {
  let root: string;
  const LONG = 'n'.repeat(100);
  const process = async (pid: number, space: string, sockets: readonly number[], children = '') => {
    const own = join(root, 'proc', String(pid));
    await mkdir(join(own, 'fd'), { recursive: true });
    await mkdir(join(own, 'ns'), { recursive: true });
    await mkdir(join(own, 'task', String(pid)), { recursive: true });
    await symlink(`pid:[${space}]`, join(own, 'ns/pid'));
    await writeFile(join(own, 'task', String(pid), 'children'), children);
    for (const inode of sockets) await symlink(`socket:[${inode}]`, join(own, 'fd', String(inode)));
  };
  const containers = () =>
    openLxcContainers({ root: join(root, 'lxc'), system: join(root, 'none'), proc: join(root, 'proc') });

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'lxc-'));
    await mkdir(join(root, 'proc/net'), { recursive: true });
    await mkdir(join(root, 'lxc', LONG), { recursive: true });
  });
  afterEach(() => rm(root, { recursive: true }));

  it('are known by their monitor, with the process in a namespace of its own', async () => {
    const lxc = join(root, 'lxc');
    await writeFile(
      join(root, 'proc/net/unix'),
      [
        HEAD,
        line(12, `@${lxc}/web/command`),
        line(13, `@lxc/${socketHash(lxc, LONG)}/command`),
        line(14, '@/x/y/command'),
      ].join('\n'),
    );
    await process(100, 'host', [12], '101 102 ');
    await process(101, 'host', []);
    await process(102, 'web', []);
    await process(200, 'host', [13]);
    expect(await containers().running()).toEqual([
      { name: 'web', lxcPath: lxc, run: '12', init: 102 },
      { name: LONG, lxcPath: lxc, run: '13' },
    ]);
    expect(await containers().names()).toEqual(new Set([LONG]));
  });

  it('are found though their socket was first seen with the process that started them', async () => {
    const lxc = join(root, 'lxc');
    await writeFile(join(root, 'proc/net/unix'), `${HEAD}\n${line(12, `@${lxc}/web/command`)}`);
    const known = containers();
    await process(100, 'host', [12], '101 ');
    expect(await known.running()).toEqual([{ name: 'web', lxcPath: lxc, run: '12' }]);
    await process(101, 'host', [12], '102 ');
    await process(102, 'web', []);
    expect(await known.running()).toEqual([{ name: 'web', lxcPath: lxc, run: '12', init: 102 }]);
    await rm(join(root, 'proc/100'), { recursive: true });
    expect(await known.running()).toEqual([{ name: 'web', lxcPath: lxc, run: '12', init: 102 }]);
  });

  it('cannot be told when the list cannot be read, nor which there are without their directory', async () => {
    await expect(containers().running()).rejects.toThrow();
    await rm(join(root, 'lxc'), { recursive: true });
    expect(await containers().names()).toBeUndefined();
  });
});
