// What each runtime's facts mean for its guests' ports.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/core/config/parse-config.ts';
import type { DockerEvent, LxcEvent } from '../../../src/core/events/lifecycle-event.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import type { Vlan } from '../../../src/core/plan/desired.ts';
import type { DockerContainer } from '../../../src/runtimes/docker/attach.ts';
import { dockerSource } from '../../../src/runtimes/docker/source.ts';
import type { LxcContainer } from '../../../src/runtimes/lxc/containers.ts';
import { lxcSource } from '../../../src/runtimes/lxc/source.ts';
import type { Resolution } from '../../../src/runtimes/source.ts';
import { type Binding, bindingSchema, type DesiredGuest } from '../../../src/state/desired-state.ts';
import type { Vmids } from '../../../src/state/vmids.ts';

const common = { id: 'event-0001', at: '2026-11-23T08:30:32.123Z' };
const ovsBridges = new Set(['ovsbr0', 'ovsbr1']);
const isOvsBridge = (name: string) => ovsBridges.has(name);

describe('an LXC container', () => {
  let root: string;
  let had: DesiredGuest | undefined;
  let proxmox: Resolution | undefined;
  let plugged: string | undefined;
  let used: string | undefined;
  let links: Set<string>;
  let running: LxcContainer[];
  let given = 0;
  let vlan: Vlan | undefined;
  let problems: [string, string | undefined][] = [];
  const source = () =>
    lxcSource({
      root,
      bridge: 'ovsbr0',
      isOvsBridge,
      linkNames: async () => links,
      hostEndsOf: async (pids) =>
        new Map(pids.flatMap((pid) => (pid === 42 ? [[pid, ['vethA', 'vethB']]] : []))),
      running: async () => running,
      reconcileVmids: async () => undefined,
      vlanOf: () => vlan,
      onProblem: (name, reason) => void problems.push([name, reason]),
      pluggedInto: async () => plugged,
      onProxmoxStart: () => undefined,
      hostUse: async () => used,
      desiredGuest: (key) => (had?.key === key ? had : undefined),
      desiredGuests: () => (had ? [had] : []),
      ownerOf: (link) => (had?.ports.some((port) => port.interface === link) ? had : undefined),
      vmidFor: async () => {
        given++;
        return 1_000_000;
      },
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
    links = new Set(['vethA', 'lxcbr0']);
    running = [];
    given = 0;
    vlan = undefined;
    problems = [];
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

  it('of whose configuration a line counts for nothing is told which', async () => {
    await writeFile(join(root, 'web/config'), 'lxc.net.0.type = veth\nlxc.net.1000.type = veth\n');
    plugged = 'ovsbr1';
    const { ports, skipped } = await source().resolve(event('start-host', { pid: 42 }));
    expect([ports?.length, skipped]).toEqual([2, [expect.stringContaining('line 2')]]);
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

  it('is not given a bridge by half of its configuration, nor made to wait by one that is no file', async () => {
    const configFile = join(root, 'web/config');
    const long = `${'# x\n'.repeat(65_536)}lxc.net.0.link = ovsbr1\n`;
    await writeFile(configFile, `lxc.net.0.type = veth\n${long}`);
    const unread = ['vethA', 'vethB'].map((link) => `${link}: the container's configuration cannot be read`);
    const start = () => source().resolve(event('start-host', { pid: 42, configFile }));
    expect(await start()).toMatchObject({ ports: [], skipped: unread });
    await rm(configFile);
    execFileSync('mkfifo', [configFile]);
    expect(await start()).toMatchObject({ ports: [], skipped: unread });
    await rm(configFile);
    await writeFile(join(root, 'shared'), 'lxc.net.0.veth.pair = vethA\nlxc.net.0.link = ovsbr1\n');
    await symlink(join(root, 'shared'), configFile);
    expect((await start()).ports?.[0]).toMatchObject({ interface: 'vethA', bridge: 'ovsbr1' });
  });

  it('is announced under the addresses that LXC sets, unless its MAC stays the same', async () => {
    const net = 'lxc.net.0.type = veth\nlxc.net.0.ipv4.address = 10.0.0.5/24\n';
    const announced = async (more = '') => {
      await writeFile(join(root, 'web/config'), net + more);
      const { ports } = await source().resolve(event('start-host', { pid: 42 }));
      return ports?.map(({ announces }) => announces);
    };
    expect(await announced()).toEqual([['10.0.0.5'], undefined]);
    expect(await announced('lxc.net.0.hwaddr = 00:16:3e:00:00:01\n')).toEqual([undefined, undefined]);
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

  it('has its ports when it runs and no hook has told of it', async () => {
    running = [{ name: 'web', lxcPath: root, run: '1', init: 42 }];
    expect(await source().current()).toMatchObject([
      {
        key: 'lxc:web',
        resolution: {
          guest: { runtime: 'lxc', name: 'web' },
          ports: [
            { port: 'vi1000000', interface: 'vethA', peer: { pid: 42 } },
            { port: 'vi1000000i1', interface: 'vethB', peer: { pid: 42 } },
          ],
        },
      },
    ]);
    running = [{ name: 'web', lxcPath: root, run: '1' }];
    expect((await source().current())?.[0]?.resolution).toMatchObject({ ports: [] });
  });

  it('of Proxmox is left to what Proxmox says when it runs', async () => {
    running = [{ name: '200', lxcPath: root, run: '1', init: 42 }];
    proxmox = { skipped: [], note: '' };
    expect(await source().current()).toEqual([]);
  });

  it('keeps the VLAN that LXC has put it in, and that of its configuration when its port is made anew', async () => {
    await writeFile(join(root, 'web/config'), 'lxc.net.0.type = veth\nlxc.net.0.veth.vlan.id = 5\n');
    const first = async () => (await source().resolve(event('start-host', { pid: 42 }))).ports?.[0];
    expect((await first())?.vlan).toEqual({ tag: 5, trunks: [], mode: 'access' });
    vlan = { tag: 7, trunks: [] };
    expect((await first())?.vlan).toEqual({ tag: 7, trunks: [] });
    vlan = { trunks: [] };
    expect((await first())?.vlan).toMatchObject({ tag: 5 });
  });

  it('with a name that nobody could be called, or that another has in another place, is told', async () => {
    const at = (name: string, lxcPath: string) => ({ name, lxcPath, run: `${lxcPath}/${name}`, init: 42 });
    running = [at('a b', root), at('web', root), at('web', '/srv/lxc'), at('Web', root)];
    const one = source();
    const keys = (await one.current())?.map(({ key }) => key);
    expect(keys).toEqual(['lxc:web', 'lxc:Web']);
    expect(problems).toMatchObject([
      ['a b', expect.stringContaining('must not contain spaces')],
      ['web', `it runs in ${root} and in /srv/lxc: only the one in ${root} has ports`],
    ]);
    problems = [];
    running = [];
    await one.current();
    expect(problems).toEqual([
      ['a b', undefined],
      ['web', undefined],
    ]);
  });

  it('uses no number up when it gets no port', async () => {
    plugged = 'lxcbr0';
    running = [{ name: 'web', lxcPath: root, run: '1', init: 42 }];
    expect((await source().current())?.[0]?.resolution.skipped).toHaveLength(2);
    await source().resolve(event('start-host', { pid: 42 }));
    await source().resolve(event('post-stop'));
    expect(given).toBe(0);
  });

  it('is not given a device that another guest has as its port', async () => {
    const guest = { runtime: 'manual', vmid: 4711, name: 'by-hand' } as const;
    had = {
      key: 'vmid:4711',
      guest,
      ports: [{ port: 'vi4711', interface: 'vethA', bridge: 'ovsbr0', guest, nic: 0 }],
    };
    const { skipped, ports } = await source().resolve(event('start-host', { pid: 42 }));
    expect(skipped).toEqual(['vethA is the port of by-hand (manual)']);
    expect(ports).toMatchObject([{ interface: 'vethB' }]);
  });

  it('waits for a bridge that is not there at all', async () => {
    plugged = 'nowhere0';
    expect((await source().resolve(event('start-host', { pid: 42 }))).ports).toMatchObject([
      { bridge: 'nowhere0' },
      { bridge: 'nowhere0' },
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
    async claim(_, __, wanted) {
      if (taken) throw new AgentError('name-taken', 'VMID 4711 belongs to another container');
      return wanted ?? 1_000_000;
    },
    claimFor: async (runtime, name, wanted, use) => use(await vmids.claim(runtime, name, wanted)),
    reconcile: async () => undefined,
    owner: async () => undefined,
    release: async () => undefined,
    rename: async () => undefined,
  };
  let taken = false;
  let waiting: [string, string | undefined][] = [];
  let held: DesiredGuest | undefined;
  let bound: Binding | undefined;
  let broken = false;
  const inspect = async () => {
    if (broken) throw new AgentError('name-taken', 'VMID 4711 belongs to another container');
    return container;
  };
  const source = () =>
    dockerSource({
      engine: { inspect, running: async () => (container ? [id] : []), existing: async () => [] },
      rules: () => defaultConfig().docker,
      endpoints: undefined,
      onProblem: (name, problem) => void waiting.push([name, problem?.code]),
      addressesOf: (bridge: string) => (bridge === 'ovsbr1' ? ['203.0.113.1'] : []),
      publicBridge: 'ovsbr1',
      vmids,
      machineId: 'm',
      desiredGuest: (key) => (held?.key === key ? held : undefined),
      desiredGuests: () => (held ? [held] : []),
      binding: () => bound,
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
    bound = undefined;
    broken = false;
    waiting = [];
    container = {
      Id: id,
      Name: '/netmaker-server',
      Image: '',
      State: { Running: true, Pid: 42, StartedAt: '' },
      RestartCount: 0,
      ResolvConfPath: '',
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
        veth: { pid: 42, guestInterface: 'ovs0', addresses: ['203.0.113.10/24'] },
      },
    ]);
  });

  it('whose labels cannot be told from its image’s gets no port, and keeps one that it has', async () => {
    if (container === undefined) throw new Error('no container');
    const attached = await source().resolve(event('start'));
    container.areLabelsUnknown = true;
    const { ports, skipped } = await source().resolve(event('start'));
    expect([ports, skipped[0]]).toEqual([[], expect.stringContaining('its image is gone')]);
    held = { key: `docker:${id}`, guest: attached.guest, ports: attached.ports } as DesiredGuest;
    expect((await source().resolve(event('start'))).ports).toBeUndefined();
    container.State.Pid = 43;
    expect((await source().resolve(event('start'))).ports).toEqual([]);
  });

  it('is known to be nobody’s once it was seen, until the end of it', async () => {
    if (container === undefined) throw new Error('no container');
    container.Name = '/web';
    container.Config.Labels = {};
    const known = source();
    for (const phase of ['start', 'health', 'die', 'destroy'] as const) {
      if (phase === 'destroy') container = undefined;
      expect((await known.resolve(event(phase))).isOurs, phase).toBe(false);
    }
    expect((await known.resolve(event('die'))).isOurs).toBeUndefined();
  });

  it('with the static address of another on that bridge, or of the host there, is refused, and may have it later', async () => {
    if (container === undefined) throw new Error('no container');
    const known = source();
    await known.resolve(event('start'));
    const first = container;
    const second = { ...first, Id: 'b'.repeat(64), Name: '/netmaker-two' };
    container = second;
    const start = { ...event('start'), containerId: second.Id, name: 'netmaker-two' };
    await expect(known.resolve(start)).rejects.toMatchObject({
      code: 'address-taken',
      message: '203.0.113.10 on ovsbr1 is the address of netmaker-server already',
    });
    container = undefined;
    await known.resolve(event('die'));
    container = second;
    expect((await known.resolve(start)).ports).toHaveLength(1);
    container = {
      ...first,
      Config: { ...first.Config, Labels: { 'dev.ovs.portagent.address': '203.0.113.1/24' } },
    };
    await expect(source().resolve(event('start'))).rejects.toThrow('the host');
  });

  it.each([
    ['brigde', 'did you mean dev.ovs.portagent.bridge?'],
    ['address', 'alone does not ask for a port'],
  ])('with the label %s of ours and no port is told wherever one looks', async (key, said) => {
    if (container === undefined) throw new Error('no container');
    container.Name = '/web';
    container.Config.Labels = { [`dev.ovs.portagent.${key}`]: '10.0.0.9/24' };
    const { skipped } = await source().resolve(event('start'));
    expect(skipped).toEqual([expect.stringContaining(said)]);
    expect(waiting).toEqual([['web', 'container-not-attachable']]);
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

  it('keeps the name that its interface has while it runs, and gets the one of its label when it is made', async () => {
    const veth = { pid: 42, guestInterface: 'eth1', mac: '02:00:00:00:00:01' };
    const file = { port: 'vi1000000', interface: 'vi1000000', bridge: 'ovsbr1', nic: 0, veth };
    bound = bindingSchema.parse({
      ...file,
      key: `docker:${id}`,
      vmid: 1_000_000,
      runtime: 'docker',
      guest: 'netmaker-server',
      id,
      since: '2026-11-23T08:30:32.123Z',
      driver: 'ovsdb',
    }) as Binding;
    const nicOf = async () => (await source().resolve(event('start'))).ports?.[0]?.veth;
    expect(await nicOf()).toMatchObject(veth);
    if (container === undefined) throw new Error('no container');
    container.State.Pid = 43;
    expect(await nicOf()).toMatchObject({ pid: 43, guestInterface: 'ovs0' });
    container.Config.Labels = { ...container.Config.Labels, 'dev.ovs.portagent.interface': 'pub0' };
    expect(await nicOf()).toMatchObject({ guestInterface: 'pub0' });
  });

  it('keeps its port when it is renamed', async () => {
    const [desiredPort] = (await source().resolve(event('start'))).ports ?? [];
    if (desiredPort === undefined || container === undefined) throw new Error('no port');
    const guest = { ...desiredPort.guest, vmid: 1_000_007 };
    held = { key: `docker:${id}`, guest, ports: [{ ...desiredPort, port: 'vi1000007', guest }] };
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
    // Its name is not known, and it is told all the same, until it can be made out.
    broken = false;
    expect(waiting).toEqual([[id.slice(0, 12), 'name-taken']]);
  });

  it('of which Docker says what nobody understands is told by its id, until it can be made out', async () => {
    const known = source();
    broken = true;
    await known.current();
    broken = false;
    await known.current();
    expect(waiting).toEqual([
      [id.slice(0, 12), 'name-taken'],
      [id.slice(0, 12), undefined],
      ['netmaker-server', undefined],
    ]);
  });

  it('waits, with the reason, while its number belongs to another', async () => {
    taken = true;
    await expect(source().resolve(event('start'))).rejects.toThrow('4711');
    expect(waiting).toEqual([['netmaker-server', 'name-taken']]);
    taken = false;
    await source().resolve(event('start'));
    expect(waiting.at(-1)).toEqual(['netmaker-server', undefined]);
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
