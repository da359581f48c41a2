// Promises about reading /etc/pve: what is there, what is not, and nothing outside of it.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeTreeFs } from '../../../../../src/core/lib/tree-fs.ts';
import { readProxmoxGuest, readProxmoxTree } from '../../../../../src/runtimes/proxmox/config/tree.ts';

let base: string;
let root: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'proxmox-tree-'));
  root = join(base, 'pve');
  for (const kind of ['qemu-server', 'lxc']) {
    await mkdir(join(root, 'nodes/pve1', kind), { recursive: true });
    await symlink(`nodes/pve1/${kind}`, join(root, kind));
  }
});

afterEach(() => rm(base, { recursive: true }));

async function ready() {
  const tree = await readProxmoxTree({ root });
  if (tree.state !== 'ready') throw new Error(tree.state);
  return tree;
}

describe('a Proxmox host', () => {
  it('has its guests found through the links that pmxcfs makes', async () => {
    await writeFile(join(root, 'qemu-server/101.conf'), 'name: vm\nnet0: virtio,bridge=ovsbr0\n');
    await writeFile(join(root, 'lxc/200.conf'), 'hostname: ct\nnet0: name=eth0,bridge=ovsbr0\n');
    await writeFile(join(root, '.vmlist'), '{"version":3,"ids":{"101":{"node":"pve1","type":"qemu"}}}');
    const tree = await ready();
    expect(
      [...tree.guests.values()].map(({ vmid, runtime, config }) => [vmid, runtime, config.name]),
    ).toEqual([
      [101, 'proxmox-qemu', 'vm'],
      [200, 'proxmox-lxc', 'ct'],
    ]);
    expect(tree.vmlist).toMatchObject({ ok: true, version: 3 });
    expect(await readProxmoxGuest(200, { root })).toMatchObject({ runtime: 'proxmox-lxc', vmid: 200 });
    expect(await readProxmoxGuest(999, { root })).toBeUndefined();
  });

  it('has other files passed over', async () => {
    for (const name of ['101.conf.tmp.1', 'x.conf', '099.conf', '.conf', '1e3.conf']) {
      await writeFile(join(root, 'lxc', name), 'hostname: x\n');
    }
    expect((await ready()).guests.size).toBe(0);
  });

  it('has a guest without readable configuration named, not dropped', async () => {
    await writeFile(join(base, 'secret'), 'name: secret\n');
    await symlink(join(base, 'secret'), join(root, 'qemu-server/102.conf'));
    await mkdir(join(root, 'qemu-server/103.conf'));
    await writeFile(join(root, 'qemu-server/104.conf'), 'x'.repeat(1024 * 1024 + 1));
    const tree = await ready();
    expect(tree.guests.size).toBe(0);
    expect(tree.unreadable.get(102)).toContain('leads out of');
    expect(tree.unreadable.get(103)).toContain('not a regular file');
    expect(tree.unreadable.get(104)).toContain('larger than');
    expect(await readProxmoxGuest(102, { root })).toBeUndefined();
  });

  it('has a guest that goes away while it is read left out', async () => {
    const fs = { ...nodeTreeFs, list: async (path: string) => (path.endsWith('lxc') ? ['300.conf'] : []) };
    const tree = await readProxmoxTree({ root, fs });
    expect(tree).toMatchObject({ state: 'ready', guests: new Map(), unreadable: new Map() });
  });
});

describe('a host whose pmxcfs is not there', () => {
  it('says nothing about any guest when the directory is empty', async () => {
    await rm(root, { recursive: true });
    await mkdir(root);
    expect(await readProxmoxTree({ root })).toMatchObject({ state: 'unavailable' });
  });

  it('says so when the mount is dead', async () => {
    const dead = Object.assign(new Error('ENOTCONN: transport endpoint is not connected'), {
      code: 'ENOTCONN',
    });
    const fs = { ...nodeTreeFs, list: () => Promise.reject(dead) };
    expect(await readProxmoxTree({ root, fs })).toEqual({ state: 'unavailable', reason: dead.message });
  });
});

it('a host without the directory is no Proxmox host', async () => {
  expect(await readProxmoxTree({ root: join(base, 'none') })).toEqual({ state: 'absent' });
});
