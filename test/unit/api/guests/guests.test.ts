// Promises about the overview of guests: each that runs or should have a port is there, with what it has or why not.
import { describe, expect, it } from 'vitest';
import { describeGuests, type ObservedGuests } from '../../../../src/api/guests/describe.ts';
import type { ObservedPort } from '../../../../src/core/plan/observed.ts';
import { openOverlooked } from '../../../../src/reconcile/overlooked.ts';
import { parseAttachOptions } from '../../../../src/runtimes/manual/attach-options.ts';
import type { Resolution, Sources } from '../../../../src/runtimes/source.ts';

const guest = { runtime: 'proxmox-qemu' as const, vmid: 101, name: 'shop' };
const spec = (nic: number, port = nic === 0 ? 'vi101' : `vi101i${nic}`) => ({
  port,
  interface: `tap101i${nic}`,
  bridge: 'vmbr0',
  guest,
  nic,
});
const binding = {
  ...spec(0),
  key: 'vmid:101',
  vmid: 101,
  runtime: guest.runtime,
  guest: 'shop',
  since: '2026-11-23T09:00:00Z',
  driver: 'ovsdb',
};
const nothing: ObservedGuests = {
  desiredGuests: [],
  bindings: [],
  pendingRetries: [],
  overlooked: [],
  rows: new Map(),
  numbers: new Map(),
  healthOf: () => undefined,
};

describe('the overview', () => {
  it('has a row for each card: what it has, and why it waits', () => {
    const rows = describeGuests({
      ...nothing,
      desiredGuests: [{ key: 'vmid:101', guest, ports: [spec(0), spec(1), spec(2)] }],
      bindings: [binding],
      pendingRetries: [
        {
          port: 'vi101i1',
          bridge: 'vmbr0',
          code: 'link-missing',
          reason: 'tap101i1 is gone',
          attempts: 1,
          since: '',
          nextTry: '',
        },
        {
          port: 'vi101i2',
          bridge: 'vmbr0',
          code: 'card-vanishing',
          reason: 'it vanishes',
          attempts: 9,
          since: '',
          nextTry: '',
        },
      ],
      numbers: new Map([['tap101i0', { mac: 'bc:24:11:00:00:01', mtu: 1500, rx: 10, tx: 20 }]]),
    });
    expect(rows).toMatchObject([
      {
        port: 'vi101',
        state: 'attached',
        health: 'ok',
        reason: null,
        mac: 'bc:24:11:00:00:01',
        mtu: 1500,
        rx: 10,
        tx: 20,
      },
      { port: 'vi101i1', state: 'waiting', reason: 'tap101i1 is gone', code: 'link-missing', health: null },
      { port: 'vi101i2', state: 'held', reason: 'it vanishes' },
    ]);
  });

  it('says of a port that is bound what is wrong with it', () => {
    const [row] = describeGuests({
      ...nothing,
      bindings: [binding],
      healthOf: () => 'ovs-vswitchd does not run',
    });
    expect(row).toMatchObject({
      state: 'attached',
      health: 'ovs-vswitchd does not run',
      reason: 'ovs-vswitchd does not run',
    });
  });
});

it('what cannot be read is unknown, and what was read earlier is not told as if it were so now', () => {
  const row = { port: 'vi101', ofport: 7, vlan: { trunks: [] } } as unknown as ObservedPort;
  const [told] = describeGuests({
    ...nothing,
    bindings: [binding],
    rows: new Map([['vi101', row]]),
    healthOf: () => 'ovsdb-unreachable',
  });
  expect(told).toMatchObject({
    port: 'vi101',
    state: 'unknown',
    health: 'ovsdb-unreachable',
    reason: 'OVSDB does not answer, so nothing is known of the port',
  });
  expect([told?.ofport, told?.vlan]).toEqual([undefined, undefined]);
});

describe('guests that get no port', () => {
  const id = 'd'.repeat(64);
  const start = (phase: 'start' | 'die') => ({
    id: 'e',
    at: '2026-11-23T09:00:00Z',
    source: 'docker' as const,
    phase,
    containerId: id,
    name: 'cache',
  });

  function watched(answers: {
    resolve: Resolution;
    current?: { key: string; resolution: Resolution }[] | undefined;
  }) {
    const overlooked = openOverlooked();
    const source = { resolve: async () => answers.resolve, current: async () => answers.current };
    const sources = overlooked.watch({ docker: source, proxmox: source } as unknown as Sources);
    return { overlooked, sources, rows: () => describeGuests({ ...nothing, overlooked: overlooked.all() }) };
  }

  it('are told with the reason, by the name that their event had', async () => {
    const { sources, rows } = watched({ resolve: { ports: [], skipped: [], note: 'no label asks for it' } });
    await sources.docker.resolve(start('start') as never);
    expect(rows()).toMatchObject([
      { guest: 'cache', id, port: null, state: 'unattached', reason: 'no label asks for it' },
    ]);
    await sources.docker.resolve(start('die') as never);
    expect(rows()).toEqual([]);
  });

  it('that were meant to have one are skipped, card by card', async () => {
    const { sources, rows } = watched({
      resolve: { skipped: [], note: '' },
      current: [
        {
          key: 'vmid:101',
          resolution: { guest, ports: [spec(0)], skipped: ['net1: vmbr9 is a Linux bridge'], note: '' },
        },
      ],
    });
    await sources.proxmox.current();
    expect(rows()).toMatchObject([
      {
        guest: 'shop',
        vmid: 101,
        nic: 1,
        port: 'vi101i1',
        state: 'skipped',
        reason: 'net1: vmbr9 is a Linux bridge',
      },
    ]);
  });

  it('are gone from the list when their runtime does not name them any more, and only then', async () => {
    const answers = {
      resolve: { ports: [], skipped: ['why'], note: '' } as Resolution,
      current: undefined as { key: string; resolution: Resolution }[] | undefined,
    };
    const { sources, rows } = watched(answers);
    await sources.docker.resolve(start('start') as never);
    await sources.docker.current();
    expect(rows()).toHaveLength(1);
    answers.current = [];
    await sources.docker.current();
    expect(rows()).toEqual([]);
  });
});

describe('options of a port that is asked for by hand', () => {
  it('are VLANs as Proxmox has them, a bridge and an MTU', () => {
    expect(parseAttachOptions('{}')).toEqual({});
    expect(parseAttachOptions('{"bridge":"vmbr0","tag":5,"trunks":[30,20,20],"mtu":1400}')).toEqual({
      bridge: 'vmbr0',
      vlan: { tag: 5, trunks: [20, 30], mode: 'native-untagged' },
      mtu: 1400,
    });
    expect(parseAttachOptions('{"tag":5}')).toEqual({ vlan: { tag: 5, trunks: [] } });
  });

  it.each([
    '',
    '[]',
    '{"tag":4095}',
    '{"tag":"5"}',
    '{"mtu":9}',
    '{"bridge":"../x"}',
    '{"vlan":5}',
    '{"trunks":[0]}',
  ])('refuses %j', (text) =>
    expect(() => parseAttachOptions(text)).toThrow(expect.objectContaining({ code: 'bad-argument' })),
  );
});
