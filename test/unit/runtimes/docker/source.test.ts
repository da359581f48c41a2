// What Docker and labels say of a container, and what that means for its port.

import { beforeEach, describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../../src/core/config/parse-config.ts';
import type { DockerEvent } from '../../../../src/core/events/lifecycle-event.ts';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import type { DockerContainer } from '../../../../src/runtimes/docker/attach.ts';
import { dockerSource } from '../../../../src/runtimes/docker/source.ts';
import { type Binding, bindingSchema, type DesiredGuest } from '../../../../src/state/desired-state.ts';
import type { Vmids } from '../../../../src/state/vmids.ts';

const common = { id: 'event-0001', at: '2026-11-23T08:30:32.123Z' };
const ovsBridges = new Set(['ovsbr0', 'ovsbr1']);
const _isOvsBridge = (name: string) => ovsBridges.has(name);

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
