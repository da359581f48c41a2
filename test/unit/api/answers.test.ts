// What methods answer fits the shape that callers read it by.

import { describe, expect, it } from 'vitest';
import { guestsSchema } from '../../../src/api/answers/guests.ts';
import { networkStateSchema, topologySchema, validationSchema } from '../../../src/api/answers/introspect.ts';
import { netmakerReportSchema } from '../../../src/api/answers/netmaker.ts';
import { statusSchema } from '../../../src/api/answers/status.ts';
import { describeGuests } from '../../../src/api/guests/describe.ts';
import { networkState } from '../../../src/api/introspect/network-state.ts';
import { bridgeTopology } from '../../../src/api/introspect/topology.ts';
import { bridgeValidation } from '../../../src/api/introspect/validation.ts';
import type { Method } from '../../../src/api/method.ts';
import { agentMethods } from '../../../src/api/methods/agent.ts';
import { configMethods } from '../../../src/api/methods/config.ts';
import { netmakerMethods } from '../../../src/api/methods/netmaker.ts';
import { portMethods } from '../../../src/api/methods/ports.ts';
import type { EventResult } from '../../../src/core/events/event-result.ts';
import { leaseTable } from '../../../src/netmaker/address/lease-rows.ts';
import { containerReport } from '../../../src/netmaker/report.ts';
import { summarize } from '../../../src/netmaker/summary.ts';
import type { Binding } from '../../../src/state/desired-state.ts';
import { shaped, unnamed } from './answer-tables.ts';
import { readAnswer } from './methods/methods.ts';

const CALLER = { user: 'root', pid: 1 };
const AT = '2026-11-23T08:30:32.123Z';
const binding: Binding = {
  port: 'vi101',
  interface: 'tap101i0',
  bridge: 'ovsbr0',
  nic: 0,
  key: 'vmid:101',
  vmid: 101,
  runtime: 'proxmox-qemu',
  guest: 'shop',
  since: AT,
  driver: 'networkmanager',
};
const byHand: Binding = {
  ...binding,
  port: 'vi4711',
  interface: 'veth0',
  vmid: 4711,
  key: 'x',
  runtime: 'manual',
};

/** Calls it as the bus would, and reads the answer as a caller would: it is what came, nothing is added or lost. */
async function ask(methods: readonly Method[], name: string, args: unknown[] = []): Promise<unknown> {
  const method = methods.find((one) => one.name === name);
  if (method === undefined) throw new Error(`no method ${name}`);
  const reply = await method.run(method.schema.parse(args) as never, CALLER);
  const read = await readAnswer(method, reply);
  expect(read).toEqual(method.isJson ? JSON.parse(String(reply[0])) : reply[0]);
  expect(unnamed(await shaped(method), read)).toEqual([]);
  return read;
}

describe('the methods about ports', () => {
  const said: EventResult = { ok: true, message: 'done', height: 7, ports: [] };
  const methods = portMethods({
    agent: { handle: async () => said },
    config: { bridges: { ovsbr0: {} }, default_bridge: 'ovsbr0' },
    desiredState: { bindings: () => [binding, byHand], binding: () => undefined },
    healthOfPorts: async () => new Map([['vi101', 'link-down']]),
    withVmid: (_: string, use: (vmid: number) => unknown) => use(5000),
    vmidOwner: async () => undefined,
    lxcRuns: async () => false,
    hostUse: async () => undefined,
    isBridge: () => true,
  } as never);

  it('list them', async () => {
    expect(await ask(methods, 'list_ports')).toEqual(['vi101', 'vi4711']);
    expect(await ask(methods, 'describe_ports')).toMatchObject([{ health: 'link-down' }, { health: 'ok' }]);
  });

  it('say what a device became, and what is gone', async () => {
    const options = JSON.stringify({ tag: 20, trunks: [30], mtu: 1400 });
    expect(await ask(methods, 'attach_interface', ['veth9', 'web', 5000, options])).toEqual({
      port: 'vi5000',
      vmid: 5000,
      nic: 0,
      interface: 'veth9',
      container: 'web',
      bridge: 'ovsbr0',
      vlan: { tag: 20, trunks: [30], mode: 'native-untagged' },
      mtu: 1400,
    });
    expect(await ask(methods, 'detach_interface', ['veth0'])).toMatchObject({ port: 'vi4711', vmid: 4711 });
    expect(await ask(methods, 'add_port', ['veth9'])).toBe('Container interface created for veth9');
    for (const name of ['del_port', 'remove_container_interface'])
      expect(await ask(methods, name, ['vi4711'])).toBe('Container interface vi4711 removed');
  });
});

describe('the methods about the agent', () => {
  const netmaker = summarize({
    config: { netmaker: { enabled: true, mode: 'routed', pools: [] }, docker: { enabled: true } } as never,
    addresses: 0,
    withdrawn: false,
    published: 0,
    pendingRetry: undefined,
    hints: [],
  });
  const methods = [
    ...agentMethods({
      agent: {
        handle: async () => ({ ok: true, message: 'done', height: 7, ports: [] }),
        reconcile: async () => [
          { port: 'vi1', interface: 'a', bridge: 'b', state: 'failed', reason: 'x', code: 'link-missing' },
        ],
      },
      status: async () => ({ ready: true, obstacle: null, waiting: [], netmaker }),
      forgetLosses: () => undefined,
    }),
    ...configMethods({
      reload: async () => ({ taken: [{ key: 'strict', from: false, to: true }], restart: [], warnings: [] }),
    }),
  ];

  it('fit their shapes', async () => {
    expect(await ask(methods, 'ping')).toBe('pong');
    await ask(methods, 'reconcile');
    await ask(methods, 'reload');
    const event = {
      id: 'a4c52dd3-96c2-4f1a-9a55-97b1dbb4bd37',
      at: AT,
      source: 'proxmox',
      phase: 'post-start',
      vmid: 1e2,
    };
    await ask(methods, 'lifecycle_event', [JSON.stringify(event)]);
    const [get] = methods.filter(({ name }) => name === 'get_status');
    const [reply] = (await get?.run([] as never, CALLER)) ?? [];
    expect(statusSchema.parse(JSON.parse(String(reply))).netmaker).toEqual(netmaker);
  });

  it('an answer of another shape is found out', async () => {
    const wrong = configMethods({ reload: async () => ({ taken: 'all' }) as never });
    await expect(ask(wrong, 'reload')).rejects.toThrow(/taken/);
  });
});

describe("the methods about Netmaker's containers", () => {
  const report = containerReport(
    {
      container: 'nc',
      id: 'f'.repeat(64),
      image: 'netclient',
      decision: 'attached',
      reason: 'image',
      mode: 'routed',
      spoofed: { mac: 0, arp: 0, nd: 0, ipv4: 1, ipv6: 0, other: 2 },
    },
    0,
  );
  const lease = { key: 'group:a', name: 'nc', leasedAt: 1, releasedAt: null, static: false, misses: 0 };
  const methods = netmakerMethods({
    containers: async () => [report],
    leases: { rows: () => leaseTable({ leases: { '192.0.2.1': lease } } as never, 5, 5) },
    attestor: {
      attest: async (container: string) => [
        {
          container,
          addresses: [],
          verdict: 'no-address',
          mapped: null,
          local: null,
          reason: 'x',
          server: null,
          rtt_ms: null,
        },
      ],
    },
    withdraw: async () => undefined,
  } as never);

  it('fit their shapes', async () => {
    await ask(methods, 'list_netmaker_containers');
    expect(await ask(methods, 'list_netmaker_leases')).toMatchObject([{ family: 4, state: 'held' }]);
    await ask(methods, 'attest_netmaker', ['nc']);
    await ask(methods, 'withdraw_netmaker');
    expect(netmakerReportSchema.parse([report])).toEqual([report]);
  });
});

describe('what is found on the host', () => {
  const link = { name: 'tap101i0', type: '', ofport: 1 };
  const bridge = {
    name: 'ovsbr0',
    datapathType: 'system' as const,
    ports: [{ name: 'vi101', tag: 20, trunks: [], externalIds: {}, interfaces: [link] }],
  };
  const seen = { judged: [], version: '3.5.0', bridges: [bridge], links: new Map(), bindings: [binding] };

  it('fits its shapes', () => {
    const state = networkState({
      now: new Date(AT),
      networkManager: undefined,
      switch: seen,
      bindings: [binding],
      routes: undefined,
      uplink: undefined,
      bindingsDir: '/run',
    });
    const none = { owner: null, driver: null, obstacle: null };
    const topology = bridgeTopology(bridge, seen, undefined, none);
    const validation = bridgeValidation('ovsbr0', seen, false);
    expect(networkStateSchema.parse(state)).toEqual(state);
    expect(topologySchema.parse(topology)).toEqual(topology);
    expect(validationSchema.parse(validation)).toEqual(validation);
  });

  it('of guests fits its shape', () => {
    const rows = describeGuests({
      desiredGuests: [],
      bindings: [{ ...binding, veth: { addresses: ['192.0.2.1/24'] } } as unknown as Binding],
      pendingRetries: [],
      overlooked: [],
      rows: new Map(),
      numbers: new Map([['tap101i0', { mac: '02:00:00:00:00:01', mtu: 1500, rx: 1, tx: 2 }]]),
      healthOf: () => undefined,
    });
    expect(guestsSchema.parse(rows)).toEqual(rows);
  });
});
