// What tools that read files find below bindings/, in a real directory.

import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPortHolders } from '../../../src/cli/vmid-files.ts';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import { bindingSchema, loadDesiredState } from '../../../src/state/desired-state.ts';

const guest = { runtime: 'proxmox-qemu', vmid: 101, name: 'web' } as const;
const first: DesiredPort = { port: 'vi101', interface: 'tap101i0', bridge: 'ovsbr0', guest, nic: 0 };
const second: DesiredPort = { ...first, port: 'vi101i1', interface: 'tap101i1', nic: 1 };
const key = 'vmid:101';
const now = new Date('2026-11-23T08:30:32.123Z');

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'bindings-')), 'bindings');
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

const links = () => readdir(join(directory, 'by-vmid')).then((names) => names.sort());
const readThrough = async (link: string) =>
  JSON.parse(await readFile(join(directory, 'by-vmid', link), 'utf8')) as Record<string, unknown>;

describe('the binding files', () => {
  it('can be found by VMID, the second card by its number', async () => {
    const desiredState = await loadDesiredState(directory);
    await desiredState.set({ key, guest, ports: [first, second] });
    expect(await links()).toEqual(['101', '101i1']);
    expect(await readlink(join(directory, 'by-vmid', '101i1'))).toBe('../vi101i1.json');
    expect(await readThrough('101i1')).toMatchObject({ port: 'vi101i1', interface: 'tap101i1' });
  });

  it('have the older keys beside our own, and no time before the port is usable', async () => {
    const desiredState = await loadDesiredState(directory);
    await desiredState.set({ key, guest, ports: [first] });
    expect(await readThrough('101')).toMatchObject({ created_at: null });
    await desiredState.bind(first, key, 'networkmanager', now);
    const text = await readThrough('101');
    expect(text).toMatchObject({
      proxmox_veth: 'tap101i0',
      ovs_interface: 'vi101',
      vmid: 101,
      container_id: '101',
      bridge: 'ovsbr0',
      created_at: now.toISOString(),
      bind_mount: join(directory, 'vi101.json'),
    });
    expect(bindingSchema.parse(text)).toMatchObject({ since: now.toISOString(), driver: 'networkmanager' });
  });

  it('take their link along when they go', async () => {
    const desiredState = await loadDesiredState(directory);
    await desiredState.set({ key, guest, ports: [first, second] });
    await desiredState.bind(first, key, 'networkmanager', now);
    await desiredState.set({ key, guest, ports: [] });
    expect(await links()).toEqual(['101']);
    await desiredState.unbind('vi101');
    expect(await links()).toEqual([]);
  });

  it('have their links again after a restart, and no others', async () => {
    const desiredState = await loadDesiredState(directory);
    await desiredState.set({ key, guest, ports: [first, second] });
    const byVmid = join(directory, 'by-vmid');
    await rm(join(byVmid, '101'));
    await rm(join(byVmid, '101i1'));
    await symlink('/etc/passwd', join(byVmid, '101i1'));
    await symlink('../vi999.json', join(byVmid, '999'));
    await mkdir(join(byVmid, '998', 'deep'), { recursive: true });
    await loadDesiredState(directory);
    expect(await links()).toEqual(['101', '101i1']);
    expect(await readThrough('101i1')).toMatchObject({ port: 'vi101i1' });
  });

  it('survive a file where the directory of links should be', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'by-vmid'), 'no directory');
    const desiredState = await loadDesiredState(directory);
    await desiredState.set({ key, guest, ports: [first] });
    expect(await links()).toEqual(['101']);
  });

  it('are each guest once to those who list the directory', async () => {
    const desiredState = await loadDesiredState(directory);
    await desiredState.set({ key, guest, ports: [first] });
    expect(await readPortHolders(directory)).toMatchObject([{ guest: 'web', vmid: 101 }]);
  });
});
