// What an LXC container's configuration and devices mean for its ports.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LxcEvent } from '../../../../src/core/events/lifecycle-event.ts';
import type { Vlan } from '../../../../src/core/plan/desired.ts';
import type { LxcContainer } from '../../../../src/runtimes/lxc/containers.ts';
import { lxcSource } from '../../../../src/runtimes/lxc/source.ts';
import type { Resolution } from '../../../../src/runtimes/source.ts';
import type { DesiredGuest } from '../../../../src/state/desired-state.ts';

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
