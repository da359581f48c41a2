// What a Proxmox container should have while Proxmox changes its card, on a tree in a temporary folder.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Guest } from '../../../../src/core/guest/guest.ts';
import type { DesiredPort } from '../../../../src/core/plan/desired.ts';
import { proxmoxSource } from '../../../../src/runtimes/proxmox/source.ts';

const common = { id: 'event-0001', at: '2026-11-23T08:30:32.123Z' };
const ovsBridges = new Set(['ovsbr0', 'ovsbr1']);
const isOvsBridge = (name: string) => ovsBridges.has(name);

describe('a Proxmox container whose card is being changed while it runs', () => {
  const device = 'veth201i0';
  const guest: Guest = { runtime: 'proxmox-lxc', vmid: 201, name: 'mail' };
  const had: DesiredPort = {
    port: 'vi201',
    interface: device,
    bridge: 'ovsbr0',
    guest,
    nic: 0,
    vlan: { tag: 20, trunks: [] },
  };
  let root: string;
  let row: string | undefined;
  /** The bridge of the kernel that has the card. */
  let master: string | undefined;
  /** Milliseconds for which its cards are Proxmox's. */
  let aside: number;
  let blind: boolean;
  let started: number[];
  let age: number;
  let source: ReturnType<typeof proxmoxSource>;
  const net = 'net0: name=eth0,hwaddr=BC:24:11:00:00:01';

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'pve-'));
    row = 'vi201';
    master = undefined;
    aside = 0;
    blind = false;
    started = [];
    age = 10;
    await mkdir(join(root, 'lxc'));
    // What is there between Proxmox's removal of the port and its plugging.
    await writeFile(
      join(root, 'lxc/201.conf'),
      `hostname: mail\n${net}\n\n[pve:pending]\n${net},bridge=ovsbr0,tag=30\n`,
    );
    source = proxmoxSource({
      root,
      mode: 'vi',
      isOvsBridge,
      isBridgeGone: () => false,
      linkNames: async () => new Set([device]),
      holderOf: (name) => (name === device && row !== undefined ? { row, bridge: 'ovsbr0' } : undefined),
      isForThisLink: async () => true,
      bridgeMtu: async () => undefined,
      kernelBridgeOf: async () => master,
      asideFor: () => aside,
      onStart: (vmid) => void started.push(vmid),
      isBlind: () => blind,
      configAge: async () => age,
      desiredGuest: () => ({ key: 'vmid:201', guest, ports: [had] }),
      desiredGuests: () => [],
    });
  });
  afterEach(() => rm(root, { recursive: true }));

  it('has its port taken off, which Proxmox could not do under our name', async () => {
    expect(await source.resolveNow(201)).toMatchObject({ ports: [], requeueAfterMs: 2990 });
  });

  it('is left alone until Proxmox plugs it, and keeps the name that it has then', async () => {
    await source.resolveNow(201);
    row = undefined;
    expect(await source.resolveNow(201)).toMatchObject({ ports: [], requeueAfterMs: 2990 });
    row = device;
    expect((await source.resolveNow(201))?.ports).toMatchObject([{ port: 'vi201', row: device }]);
  });

  it('gets its former port back under the name that Proxmox looks for when Proxmox has given up', async () => {
    await source.resolveNow(201);
    row = undefined;
    age = 3000;
    expect((await source.resolveNow(201))?.ports).toEqual([{ ...had, row: device }]);
    // At the next attempt Proxmox removes it by that name, and has its turn again.
    expect((await source.resolveNow(201))?.ports).toEqual([]);
  });

  it('is taken off when its link is set down, also when nobody looked in the middle of that change', async () => {
    await writeFile(join(root, 'lxc/201.conf'), `hostname: mail\n${net},bridge=ovsbr0,link_down=1\n`);
    expect((await source.resolveNow(201))?.ports).toEqual([]);
    expect((await source.current())?.map(({ resolution }) => resolution.ports)).toEqual([[]]);
  });

  it('is taken off when Proxmox has put it into a bridge of the kernel, also when nobody looked in between', async () => {
    await writeFile(join(root, 'lxc/201.conf'), `hostname: mail\n${net},bridge=lbr0\n`);
    master = 'lbr0';
    expect((await source.resolveNow(201))?.ports).toEqual([]);
  });

  it('stays on the switch while its configuration alone speaks of a bridge of the kernel', async () => {
    await writeFile(join(root, 'lxc/201.conf'), `hostname: mail\n${net},bridge=lbr0\n`);
    expect((await source.resolveNow(201))?.ports).toEqual([had]);
  });

  it('keeps a port when the change has long failed, under that name too', async () => {
    age = 60_000;
    expect((await source.resolveNow(201))?.ports).toMatchObject([
      { port: 'vi201', row: device, bridge: 'ovsbr0' },
    ]);
  });

  const unchanged = () =>
    writeFile(join(root, 'lxc/201.conf'), `hostname: mail\n${net},bridge=ovsbr0,tag=30\n`);

  it('has Proxmox’s name while Proxmox has its configuration locked, and some time after', async () => {
    await unchanged();
    age = 60_000;
    aside = Number.POSITIVE_INFINITY;
    row = device;
    expect(await source.resolveNow(201)).toMatchObject({ ports: [{ port: 'vi201', row: device }] });
    expect((await source.resolveNow(201))?.requeueAfterMs).toBeUndefined();
    aside = 1_500;
    expect(await source.resolveNow(201)).toMatchObject({
      ports: [{ port: 'vi201', row: device }],
      requeueAfterMs: 1_500,
    });
    aside = 0;
    expect((await source.resolveNow(201))?.ports).toMatchObject([{ port: 'vi201' }]);
    expect((await source.resolveNow(201))?.ports?.[0]?.row).toBeUndefined();
  });

  it('is not plugged by us when Proxmox has taken it off within its lock, by no look', async () => {
    await unchanged();
    aside = Number.POSITIVE_INFINITY;
    row = undefined;
    expect((await source.resolveNow(201))?.ports).toEqual([]);
    expect((await source.current())?.map(({ resolution }) => resolution.ports)).toEqual([[]]);
  });

  it('stays on the bridge that it is on while Proxmox may be moving it', async () => {
    await writeFile(join(root, 'lxc/201.conf'), `hostname: mail\n${net},bridge=ovsbr1\n`);
    aside = Number.POSITIVE_INFINITY;
    row = device;
    expect((await source.resolveNow(201))?.ports).toMatchObject([{ bridge: 'ovsbr0', row: device }]);
  });

  it('keeps Proxmox’s name where nobody tells of locks', async () => {
    await unchanged();
    blind = true;
    expect((await source.resolveNow(201))?.ports).toMatchObject([{ port: 'vi201', row: device }]);
  });

  it('is not in Proxmox’s hands any more when the container starts', async () => {
    await source.resolve({ ...common, source: 'proxmox', phase: 'pre-start', vmid: 201 });
    expect(started).toEqual([201]);
  });

  it.each(['lbr0', 'fwbr201i0'])(
    'is on no OVS bridge while %s of the kernel has it, whatever is written',
    async (name) => {
      master = name;
      for (const text of [
        `${net},bridge=ovsbr0\n`,
        `${net},bridge=lbr0\n\n[pve:pending]\n${net},bridge=lbr0\n`,
        `${net},bridge=ovsbr0\n\n[pve:pending]\n${net},bridge=ovsbr0,tag=5\n`,
      ]) {
        await writeFile(join(root, 'lxc/201.conf'), `hostname: mail\n${text}`);
        for (const held of ['vi201', device]) {
          row = held;
          expect((await source.resolveNow(201))?.ports).toEqual([]);
        }
      }
    },
  );
});
