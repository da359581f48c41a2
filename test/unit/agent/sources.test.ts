// What each runtime's facts mean for its guests' ports.

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Claim } from '../../../src/agent/claims.ts';
import { dockerSource } from '../../../src/agent/sources/docker.ts';
import { lxcSource } from '../../../src/agent/sources/lxc.ts';
import { proxmoxSource } from '../../../src/agent/sources/proxmox.ts';
import type { Resolution } from '../../../src/agent/sources/resolution.ts';
import type { Vmids } from '../../../src/agent/vmids.ts';
import { defaultConfig } from '../../../src/core/config/parse-config.ts';
import { AgentError } from '../../../src/core/errors.ts';
import type { DockerEvent, LxcEvent, ProxmoxEvent } from '../../../src/core/events/lifecycle-event.ts';
import type { DockerContainer } from '../../../src/core/guest/docker-attach.ts';
import type { Guest } from '../../../src/core/guest/guest.ts';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';

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
  let had: Claim | undefined;
  const vm = { runtime: 'proxmox-qemu', vmid: 101, name: 'web' } as const;
  const source = () =>
    proxmoxSource({
      root,
      mode: 'vi',
      isOvsBridge,
      linkNames: async () => links,
      holderOf: (device) =>
        plugged && links.has(device) ? { row: holder ?? device, bridge: 'ovsbr0' } : undefined,
      isForThisLink: async () => isThisLink,
      bridgeMtu: async () => undefined,
      configAge: async () => undefined,
      claim: () => had,
      claims: () => (had ? [had] : []),
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
    had = undefined;
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
    expect((await source().look(101))?.ports).toMatchObject([{ port: 'vi101', row: 'tap101i0' }]);
    await write(['net0: virtio,bridge=ovsbr0', '[PENDING]', 'delete: net0,net1']);
    expect((await source().look(101))?.ports).toMatchObject([{ row: 'tap101i0' }]);
    await write(['net0: virtio,bridge=ovsbr0', '[snap]', 'net0: virtio,bridge=ovsbr0,tag=5']);
    expect((await source().look(101))?.ports?.[0]).not.toHaveProperty('row');
  });

  it('is left to Proxmox between the two halves of a change, where its card is on no bridge', async () => {
    await write(['net0: virtio,bridge=ovsbr0', '[PENDING]', 'net0: virtio,bridge=ovsbr0,tag=5']);
    plugged = false;
    isThisLink = true;
    expect((await source().look(101))?.ports).toEqual([]);
    await write(['net0: virtio,bridge=ovsbr0']);
    expect((await source().look(101))?.ports).toHaveLength(1);
  });

  it('stays connected when its configuration becomes unreadable or loses the card', async () => {
    had = { key: 'vmid:101', guest: vm, ports: (await source().look(101))?.ports ?? [] };
    holder = 'vi101';
    for (const lines of [['net0: rubbish'], ['name: web'], ['\u0000\u0001garbage']]) {
      await write(lines);
      expect((await source().look(101))?.ports).toMatchObject([{ port: 'vi101' }]);
      expect((await source().resolve(event('post-start'))).ports).toMatchObject([{ port: 'vi101' }]);
    }
    await rm(join(root, 'qemu-server/101.conf'));
    expect((await source().look(101))?.ports).toMatchObject([{ port: 'vi101' }]);
    expect(await source().current()).toMatchObject([{ key: 'vmid:101' }]);
  });

  it('that comes from another node has its configuration there until the migration is over', async () => {
    await mkdir(join(root, 'nodes/pve2/qemu-server'), { recursive: true });
    await rename(join(root, 'qemu-server/101.conf'), join(root, 'nodes/pve2/qemu-server/101.conf'));
    const started = { ...event('post-start'), migratedFrom: 'pve2' };
    expect((await source().resolve(started)).ports).toMatchObject([{ port: 'vi101', bridge: 'ovsbr0' }]);
    expect(await source().look(101)).toBeUndefined();
    const list = { version: 1, ids: { 101: { node: 'pve2', type: 'qemu', version: 1 } } };
    await writeFile(join(root, '.vmlist'), JSON.stringify(list));
    expect((await source().look(101))?.ports).toMatchObject([{ port: 'vi101' }]);
    await writeFile(join(root, '.vmlist'), JSON.stringify(list).slice(0, 30));
    expect(await source().look(101)).toBeUndefined();
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
    had = { key: 'vmid:101', guest: vm, ports: (await source().look(101))?.ports ?? [] };
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
  let age: number;
  let source: ReturnType<typeof proxmoxSource>;
  const net = 'net0: name=eth0,hwaddr=BC:24:11:00:00:01';

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'pve-'));
    row = 'vi201';
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
      linkNames: async () => new Set([device]),
      holderOf: (name) => (name === device && row !== undefined ? { row, bridge: 'ovsbr0' } : undefined),
      isForThisLink: async () => true,
      bridgeMtu: async () => undefined,
      configAge: async () => age,
      claim: () => ({ key: 'vmid:201', guest, ports: [had] }),
      claims: () => [],
    });
  });
  afterEach(() => rm(root, { recursive: true }));

  it('has its port taken off, which Proxmox could not do under our name', async () => {
    expect(await source.look(201)).toMatchObject({ ports: [], again: 2990 });
  });

  it('is left alone until Proxmox plugs it, and keeps the name that it has then', async () => {
    await source.look(201);
    row = undefined;
    expect(await source.look(201)).toMatchObject({ ports: [], again: 2990 });
    row = device;
    expect((await source.look(201))?.ports).toMatchObject([{ port: 'vi201', row: device }]);
  });

  it('gets its former port back under the name that Proxmox looks for when Proxmox has given up', async () => {
    await source.look(201);
    row = undefined;
    age = 3000;
    expect((await source.look(201))?.ports).toEqual([{ ...had, row: device }]);
    // At the next attempt Proxmox removes it by that name, and has its turn again.
    expect((await source.look(201))?.ports).toEqual([]);
  });

  it('keeps a port when the change has long failed, under that name too', async () => {
    age = 60_000;
    expect((await source.look(201))?.ports).toMatchObject([{ port: 'vi201', row: device, bridge: 'ovsbr0' }]);
  });
});

describe('an LXC container', () => {
  let root: string;
  let had: Claim | undefined;
  let proxmox: Resolution | undefined;
  let plugged: string | undefined;
  let used: string | undefined;
  const source = () =>
    lxcSource({
      root,
      bridge: 'ovsbr0',
      isOvsBridge,
      linkNames: async () => new Set(['vethA']),
      hostEndsOf: async () => ['vethA', 'vethB'],
      pluggedInto: async () => plugged,
      hostUse: async () => used,
      claim: () => had,
      claims: () => (had ? [had] : []),
      vmidFor: async () => 1_000_000,
      proxmoxContainer: async () => proxmox,
      ranAt: async (pid) => pid === 42,
    });
  const event = (phase: LxcEvent['phase'], more: Partial<LxcEvent> = {}): LxcEvent => ({
    ...common,
    source: 'lxc',
    phase,
    name: 'web',
    ...more,
  });

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'lxc-'));
    had = undefined;
    proxmox = undefined;
    plugged = undefined;
    used = undefined;
    await mkdir(join(root, 'web'));
    await writeFile(join(root, 'web/config'), 'lxc.net.0.type = veth\n');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('has its all-digit name as VMID, another name gets a number', async () => {
    const digits = await source().resolve(event('net-up', { name: '200', interface: 'vethA' }));
    expect(digits.ports).toMatchObject([{ port: 'vi200', interface: 'vethA' }]);
    const named = await source().resolve(event('net-up', { interface: 'vethA' }));
    expect(named.ports).toMatchObject([{ port: 'vi1000000' }]);
  });

  it('has the card that lxc.net.N names', async () => {
    const configFile = join(root, 'config');
    await writeFile(
      configFile,
      'lxc.net.1.type = veth\nlxc.net.1.veth.pair = vethA\nlxc.net.1.link = ovsbr1\n',
    );
    const { ports } = await source().resolve(event('net-up', { interface: 'vethA', configFile }));
    expect(ports).toMatchObject([{ port: 'vi1000000i1', bridge: 'ovsbr1', nic: 1 }]);
  });

  it('is left on the Linux bridge that LXC plugged it into', async () => {
    const { ports, skipped } = await source().resolve(
      event('net-up', { interface: 'vethA', link: 'lxcbr0' }),
    );
    expect(ports).toBeUndefined();
    expect(skipped).toEqual(['vethA: lxcbr0 is not an OVS bridge']);
  });

  it('is left on the Linux bridge that it is on, whatever its configuration can tell', async () => {
    plugged = 'lxcbr0';
    const { ports, skipped } = await source().resolve(event('start-host', { pid: 42 }));
    expect(ports).toEqual([]);
    expect(skipped).toEqual(['vethA: lxcbr0 is not an OVS bridge', 'vethB: lxcbr0 is not an OVS bridge']);
  });

  it('is taken over on the OVS bridge that LXC plugged it into', async () => {
    plugged = 'ovsbr1';
    const { ports } = await source().resolve(event('start-host', { pid: 42 }));
    expect(ports?.map((port) => port.bridge)).toEqual(['ovsbr1', 'ovsbr1']);
  });

  it('is not given a bridge by guess when its configuration cannot be read', async () => {
    const configFile = join(root, 'hidden');
    const { ports, skipped } = await source().resolve(event('start-host', { pid: 42, configFile }));
    expect(ports).toEqual([]);
    expect(skipped[0]).toContain('cannot be read');
  });

  it('never gets a device that the host itself uses', async () => {
    used = "carries the host's address 192.0.2.10";
    const { ports, skipped } = await source().resolve(event('start-host', { pid: 42 }));
    expect(ports).toEqual([]);
    expect(skipped[0]).toBe("vethA carries the host's address 192.0.2.10");
  });

  it('is covered whole by start-host, with no script of its own', async () => {
    const { ports } = await source().resolve(event('start-host', { pid: 42 }));
    expect(ports).toMatchObject([
      { port: 'vi1000000', interface: 'vethA', peer: { pid: 42 } },
      { port: 'vi1000000i1', interface: 'vethB', peer: { pid: 42 } },
    ]);
  });

  it('loses its ports when it has stopped', async () => {
    expect((await source().resolve(event('post-stop'))).ports).toEqual([]);
  });

  it('that runs keeps its ports when word comes late of an earlier end', async () => {
    const guest = { runtime: 'lxc', vmid: 1_000_000, name: 'web' } as const;
    const port = { bridge: 'ovsbr0', guest, nic: 0 };
    const running = { ...port, port: 'vi1000000', interface: 'vethA' };
    const ended = { ...port, port: 'vi1000000i1', interface: 'vethOld' };
    had = { key: 'lxc:web', guest, ports: [running, ended] };
    expect((await source().resolve(event('post-stop'), true)).ports).toEqual([running]);
    expect((await source().resolve(event('net-down', { interface: 'vethA' }), true)).ports).toEqual([
      running,
    ]);
  });

  it('that has gone by the time its start is heard of asks for nothing', async () => {
    const { ports, skipped } = await source().resolve(event('net-up', { interface: 'vethOld' }), true);
    expect([ports, skipped]).toEqual([undefined, ['vethOld is gone by now']]);
    expect((await source().resolve(event('start-host', { pid: 41 }), true)).ports).toBeUndefined();
    expect((await source().resolve(event('start-host', { pid: 42 }), true)).ports).toHaveLength(2);
  });

  it('of Proxmox has the ports that its Proxmox configuration says', async () => {
    const guest = { runtime: 'proxmox-lxc', vmid: 200, name: 'mail' } as const;
    const port = { port: 'vi200', interface: 'veth200i0', bridge: 'ovsbr1', guest, nic: 0 };
    proxmox = { guest, ports: [port], skipped: [], note: '' };
    const started = await source().resolve(event('start-host', { name: '200', pid: 42 }));
    expect(started).toMatchObject({ guest, ports: [{ ...port, peer: { pid: 42 } }] });
    expect((await source().resolve(event('post-stop', { name: '200' }))).ports).toEqual([]);
    expect((await source().resolve(event('post-stop', { name: '200' }), true)).ports).toEqual([port]);
  });
});

describe('a Docker container', () => {
  const id = 'a'.repeat(64);
  let container: DockerContainer | undefined;
  const vmids: Vmids = {
    claim: async (_, __, wanted) => wanted ?? 1_000_000,
    owner: async () => undefined,
    release: async () => undefined,
    rename: async () => undefined,
  };
  let held: Claim | undefined;
  let broken = false;
  const inspect = async () => {
    if (broken) throw new AgentError('name-taken', 'VMID 4711 belongs to another container');
    return container;
  };
  const source = () =>
    dockerSource({
      engine: { inspect, running: async () => (container ? [id] : []) },
      rules: defaultConfig().docker,
      vmids,
      machineId: 'm',
      claim: (key) => (held?.key === key ? held : undefined),
      claims: () => (held ? [held] : []),
    });
  const event = (phase: DockerEvent['phase']): DockerEvent => ({
    ...common,
    source: 'docker',
    phase,
    containerId: id,
    name: 'netmaker-server',
    image: 'busybox',
  });

  beforeEach(() => {
    held = undefined;
    broken = false;
    container = {
      Id: id,
      Name: '/netmaker-server',
      State: { Running: true, Pid: 42, StartedAt: '' },
      HostConfig: { NetworkMode: 'default' },
      Config: { Labels: { 'dev.ovs.portagent.address': '203.0.113.10/24' }, Image: 'busybox' },
    };
  });

  it('gets a pair of its own with the address of its label', async () => {
    const { ports } = await source().resolve(event('start'));
    expect(ports).toMatchObject([
      {
        port: 'vi1000000',
        interface: 'vi1000000',
        bridge: 'ovsbr1',
        veth: { pid: 42, guestInterface: 'eth1', address: '203.0.113.10/24' },
      },
    ]);
  });

  it('keeps its MAC address for as long as it keeps its port', async () => {
    const macs = await Promise.all([source().resolve(event('start')), source().resolve(event('start'))]);
    const [first, second] = macs.map(({ ports }) => ports?.[0]?.veth?.mac);
    expect(first).toBe(second);
    expect(first).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  });

  it('keeps its port when word comes late of an earlier end', async () => {
    expect((await source().resolve(event('die'))).ports).toHaveLength(1);
    container = undefined;
    expect((await source().resolve(event('die'))).ports).toEqual([]);
  });

  it('keeps its port when it is renamed', async () => {
    const [wish] = (await source().resolve(event('start'))).ports ?? [];
    if (wish === undefined || container === undefined) throw new Error('no port');
    const guest = { ...wish.guest, vmid: 1_000_007 };
    held = { key: `docker:${id}`, guest, ports: [{ ...wish, port: 'vi1000007', guest }] };
    container.Name = '/netmaker-new';
    expect((await source().resolve(event('rename'))).ports).toMatchObject([{ port: 'vi1000007' }]);
    expect((await source().current())?.[0]).toMatchObject({
      key: `docker:${id}`,
      resolution: { ports: [{ port: 'vi1000007', guest: { name: 'netmaker-new' } }] },
    });
  });

  it('keeps no other container from being looked after when it cannot be attached', async () => {
    broken = true;
    const found = await source().current();
    expect(found).toMatchObject([{ key: `docker:${id}` }]);
    expect(found?.[0]?.resolution.ports).toBeUndefined();
    expect(found?.[0]?.resolution.skipped[0]).toContain('4711');
  });

  it('that is meant to be attached and cannot be is told why', async () => {
    if (container) container.HostConfig.NetworkMode = 'host';
    const { ports, skipped } = await source().resolve(event('start'));
    expect(ports).toEqual([]);
    expect(skipped[0]).toContain('network mode host');
  });

  it('that nobody asked to attach leaves no trace but its event', async () => {
    if (container) container.Name = '/other';
    if (container) container.Config.Labels = {};
    expect((await source().resolve(event('start'))).skipped).toEqual([]);
  });
});
