// What Proxmox's configuration and devices mean for a guest's ports.

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProxmoxEvent } from '../../../../src/core/events/lifecycle-event.ts';
import { proxmoxSource } from '../../../../src/runtimes/proxmox/source.ts';
import type { DesiredGuest } from '../../../../src/state/desired-state.ts';

const common = { id: 'event-0001', at: '2026-11-23T08:30:32.123Z' };
const ovsBridges = new Set(['ovsbr0', 'ovsbr1']);
const isOvsBridge = (name: string) => ovsBridges.has(name);

describe('a Proxmox guest', () => {
  let root: string;
  let links: Set<string>;
  let plugged: boolean;
  /** Name of the row that has the card, when it is not Proxmox's own. */
  let holder: string | undefined;
  let isThisLink: boolean;
  /** Milliseconds since its configuration was written. */
  let age: number | undefined;
  let had: DesiredGuest | undefined;
  let kernelBridges: Map<string, string>;
  let aside: number;
  let blind: boolean;
  const vm = { runtime: 'proxmox-qemu', vmid: 101, name: 'web' } as const;
  const source = () =>
    proxmoxSource({
      root,
      mode: 'vi',
      isOvsBridge,
      isBridgeGone: () => false,
      linkNames: async () => links,
      holderOf: (device) =>
        plugged && links.has(device) ? { row: holder ?? device, bridge: 'ovsbr0' } : undefined,
      isForThisLink: async () => isThisLink,
      bridgeMtu: async () => undefined,
      kernelBridgeOf: async (device) => kernelBridges.get(device),
      asideFor: () => aside,
      onStart: () => undefined,
      isBlind: () => blind,
      configAge: async () => age,
      desiredGuest: () => had,
      desiredGuests: () => (had ? [had] : []),
    });
  const event = (phase: ProxmoxEvent['phase']): ProxmoxEvent => ({
    ...common,
    source: 'proxmox',
    phase,
    vmid: 101,
  });
  const write = (lines: string[]) => writeFile(join(root, 'qemu-server/101.conf'), lines.join('\n'));

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'pve-'));
    links = new Set(['tap101i0', 'tap101i1']);
    plugged = true;
    holder = undefined;
    isThisLink = false;
    age = undefined;
    had = undefined;
    kernelBridges = new Map();
    aside = 0;
    blind = false;
    await mkdir(join(root, 'qemu-server'));
    await mkdir(join(root, 'lxc'));
    await write(['name: web', 'net0: virtio=BC:24:11:00:00:01,bridge=ovsbr0,tag=20,trunks=30;31']);
  });
  afterEach(() => rm(root, { recursive: true }));

  it('gets vi<VMID> for its tap after its start, with the VLAN of its configuration', async () => {
    const { guest, ports } = await source().resolve(event('post-start'));
    expect(guest).toEqual({ runtime: 'proxmox-qemu', vmid: 101, name: 'web' });
    expect(ports).toMatchObject([
      {
        port: 'vi101',
        interface: 'tap101i0',
        bridge: 'ovsbr0',
        vlan: { tag: 20, trunks: [30, 31], mode: 'native-untagged' },
      },
    ]);
  });

  it('is not forgotten when its firewalled card loses its port with the bridge: that waits for Proxmox', async () => {
    await write(['net0: virtio,bridge=ovsbr0,firewall=1']);
    plugged = false;
    const desired = async () =>
      (await source().current())
        ?.flatMap(({ resolution }) => resolution.ports ?? [])
        .map((port) => port.interface);
    links = new Set(['tap101i0', 'fwbr101i0']);
    expect(await desired()).toEqual(['fwln101o0']);
    expect((await source().resolveNow(101))?.ports).toMatchObject([
      { port: 'vi101', interface: 'fwln101o0' },
    ]);
    // Proxmox has not begun to plug it, or is in the middle of that.
    links = new Set(['tap101i0']);
    expect(await desired()).toEqual([]);
    links = new Set(['fwbr101i0']);
    expect(await desired()).toEqual([]);
  });

  it('gets vi<VMID>i<n> for each further card', async () => {
    await write(['net0: virtio,bridge=ovsbr0', 'net1: virtio,bridge=ovsbr1']);
    const { ports } = await source().resolve(event('post-start'));
    expect(ports?.map(({ port, bridge }) => [port, bridge])).toEqual([
      ['vi101', 'ovsbr0'],
      ['vi101i1', 'ovsbr1'],
    ]);
  });

  it('is not plugged by us between the making of its device and the plugging by Proxmox', async () => {
    plugged = false;
    expect((await source().current())?.[0]?.resolution.ports).toEqual([]);
    expect((await source().resolve(event('pre-start'), true)).ports).toEqual([]);
    expect((await source().resolve(event('post-start'))).ports).toHaveLength(1);
  });

  it('has the cards of its snapshots left out', async () => {
    await write(['net0: virtio,bridge=ovsbr0', '[before-upgrade]', 'net1: virtio,bridge=ovsbr1']);
    expect((await source().resolve(event('post-start'))).ports).toHaveLength(1);
  });

  it('gets no port for a card on a Linux bridge or on none, and it is said why', async () => {
    await write(['net0: virtio,bridge=vmbr0', 'net1: virtio', 'net2: rubbish']);
    const { ports, skipped } = await source().resolve(event('post-start'));
    expect(ports).toEqual([]);
    expect(skipped).toHaveLength(3);
    expect(skipped[0]).toContain('vmbr0 is not an OVS bridge');
  });

  it('has leftovers of an earlier life removed before it starts', async () => {
    expect((await source().resolve(event('pre-start'))).ports).toEqual([]);
  });

  it('that runs keeps its ports when word comes late of an earlier start or end', async () => {
    for (const phase of ['pre-start', 'post-stop'] as const) {
      expect((await source().resolve(event(phase), true)).ports).toHaveLength(1);
    }
    links = new Set();
    expect((await source().resolve(event('post-start'), true)).ports).toEqual([]);
  });

  it('keeps its ports while a stop is only asked for', async () => {
    expect((await source().resolve(event('pre-stop'))).ports).toBeUndefined();
  });

  it('has nothing taken away when its configuration cannot be found', async () => {
    await rm(join(root, 'qemu-server/101.conf'));
    const { ports, skipped } = await source().resolve(event('post-start'));
    expect(ports).toBeUndefined();
    expect(skipped).toHaveLength(1);
  });

  it('keeps its port while a change of the card is pending, under the name that Proxmox looks for', async () => {
    await write(['net0: virtio,bridge=ovsbr0', '[PENDING]', 'net0: virtio,bridge=ovsbr0,tag=5']);
    expect((await source().resolveNow(101))?.ports).toMatchObject([{ port: 'vi101', row: 'tap101i0' }]);
    await write(['net0: virtio,bridge=ovsbr0', '[PENDING]', 'delete: net0,net1']);
    expect((await source().resolveNow(101))?.ports).toMatchObject([{ row: 'tap101i0' }]);
    await write(['net0: virtio,bridge=ovsbr0', '[snap]', 'net0: virtio,bridge=ovsbr0,tag=5']);
    expect((await source().resolveNow(101))?.ports?.[0]).not.toHaveProperty('row');
  });

  it('is left to Proxmox between the two halves of a change, where its card is on no bridge', async () => {
    await write(['net0: virtio,bridge=ovsbr0', '[PENDING]', 'net0: virtio,bridge=ovsbr0,tag=5']);
    plugged = false;
    isThisLink = true;
    expect((await source().resolveNow(101))?.ports).toEqual([]);
    await write(['net0: virtio,bridge=ovsbr0']);
    expect((await source().resolveNow(101))?.ports).toHaveLength(1);
  });

  it('rests for three seconds after a change before its card has our name again', async () => {
    const [port] = (await source().resolveNow(101))?.ports ?? [];
    if (port === undefined) throw new Error('it has no port');
    had = { key: 'vmid:101', guest: vm, ports: [{ ...port, row: 'tap101i0' }] };
    age = 500;
    expect(await source().resolveNow(101)).toMatchObject({
      ports: [{ port: 'vi101', row: 'tap101i0' }],
      requeueAfterMs: 2500,
    });
    age = 3000;
    expect((await source().resolveNow(101))?.ports?.[0]).not.toHaveProperty('row');
    had = { key: 'vmid:101', guest: vm, ports: [port] };
    age = 500;
    expect((await source().resolveNow(101))?.ports?.[0]).not.toHaveProperty('row');
  });

  it('stays connected when its configuration becomes unreadable or loses the card', async () => {
    had = { key: 'vmid:101', guest: vm, ports: (await source().resolveNow(101))?.ports ?? [] };
    holder = 'vi101';
    for (const lines of [['net0: rubbish'], ['name: web'], ['\u0000\u0001garbage']]) {
      await write(lines);
      expect((await source().resolveNow(101))?.ports).toMatchObject([{ port: 'vi101' }]);
      expect((await source().resolve(event('post-start'))).ports).toMatchObject([{ port: 'vi101' }]);
    }
    await rm(join(root, 'qemu-server/101.conf'));
    expect((await source().resolveNow(101))?.ports).toMatchObject([{ port: 'vi101' }]);
    expect(await source().current()).toMatchObject([{ key: 'vmid:101' }]);
  });

  it('whose configuration cannot be read is told while it runs, and keeps what it has', async () => {
    await write([`description: ${'x'.repeat(1024 * 1024)}`, 'net0: virtio,bridge=ovsbr0']);
    const reason = expect.stringMatching(/^its configuration cannot be read: .*larger than 1048576 bytes/);
    expect(await source().current()).toMatchObject([
      { key: 'vmid:101', resolution: { guest: { vmid: 101 }, skipped: [reason] } },
    ]);
    had = {
      key: 'vmid:101',
      guest: vm,
      ports: [{ port: 'vi101', interface: 'tap101i0', bridge: 'ovsbr0', guest: vm, nic: 0 }],
    };
    expect(await source().current()).toMatchObject([
      { key: 'vmid:101', resolution: { ports: [{ port: 'vi101' }], skipped: [reason] } },
    ]);
    links.clear();
    expect(await source().current()).toEqual([]);
  });

  it('that comes from another node has its configuration there until the migration is over', async () => {
    await mkdir(join(root, 'nodes/pve2/qemu-server'), { recursive: true });
    await rename(join(root, 'qemu-server/101.conf'), join(root, 'nodes/pve2/qemu-server/101.conf'));
    const started = { ...event('post-start'), migratedFrom: 'pve2' };
    expect((await source().resolve(started)).ports).toMatchObject([{ port: 'vi101', bridge: 'ovsbr0' }]);
    expect(await source().resolveNow(101)).toBeUndefined();
    const list = { version: 1, ids: { 101: { node: 'pve2', type: 'qemu', version: 1 } } };
    await writeFile(join(root, '.vmlist'), JSON.stringify(list));
    expect((await source().resolveNow(101))?.ports).toMatchObject([{ port: 'vi101' }]);
    await writeFile(join(root, '.vmlist'), JSON.stringify(list).slice(0, 30));
    expect(await source().resolveNow(101)).toBeUndefined();
  });

  it('that is started for its backup is known by the lock', async () => {
    await write(['lock: backup', 'net0: virtio,bridge=ovsbr0']);
    expect(await source().lockOf(101)).toBe('backup');
  });

  it('is told which part of its configuration is damaged, and what file cannot be read', async () => {
    await write(['\u0000\u0001', 'net0: virtio,bridge=ovsbr0', 'also damaged']);
    const { ports, skipped } = await source().resolve(event('post-start'));
    expect(ports).toHaveLength(1);
    expect(skipped).toEqual([
      'a part of its configuration: line 1 is not "key: value", and 1 more like this',
    ]);
    await write(['x'.repeat(1024 * 1024 + 1)]);
    expect((await source().resolve(event('post-start'))).skipped).toEqual([
      expect.stringMatching(/101\.conf is larger than 1048576 bytes$/),
    ]);
  });

  it('that runs keeps what it has when the whole tree vanishes, one that ended does not', async () => {
    had = { key: 'vmid:101', guest: vm, ports: (await source().resolveNow(101))?.ports ?? [] };
    holder = 'vi101';
    await rm(root, { recursive: true });
    expect(await source().current()).toMatchObject([{ key: 'vmid:101', resolution: { ports: had.ports } }]);
    links = new Set();
    expect(await source().current()).toEqual([]);
    await mkdir(root);
  });

  it('is known to run by its device', async () => {
    expect(await source().current()).toMatchObject([{ key: 'vmid:101' }]);
    links = new Set();
    expect(await source().current()).toEqual([]);
  });

  it('cannot be judged while the cluster file system is away', async () => {
    await rm(join(root, 'qemu-server'), { recursive: true });
    await rm(join(root, 'lxc'), { recursive: true });
    expect(await source().current()).toBeUndefined();
  });
});
