// Fail-over groups: who has the shared address, and who is told that it moved.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../../src/core/config/parse-config.ts';
import { openLeases } from '../../../../src/netmaker/address/leases.ts';
import { poolsOf, reservedRanges } from '../../../../src/netmaker/address/pools.ts';
import { dockerContainerSchema } from '../../../../src/runtimes/docker/attach.ts';
import {
  type NetmakerEndpoints,
  netmakerEndpoints,
} from '../../../../src/runtimes/docker/netmaker-endpoints.ts';
import type { DesiredGuest } from '../../../../src/state/desired-state.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const C = 'c'.repeat(64);
const names: Record<string, string> = { [A]: 'a', [B]: 'b', [C]: 'c' };
const decision = {
  attach: true,
  bridge: 'ovsbr1',
  interface: 'ovs0',
  reason: '',
  role: 'client',
  failoverGroup: 'web',
} as const;

let directory: string;
let endpoints: NetmakerEndpoints;
let desiredState: DesiredGuest[];
/** Started at, by id; absent when it does not run. */
let running: Map<string, string>;
let health: Map<string, string>;
let inspected: string[];
let isInUse: boolean;

const container = (id: string) =>
  dockerContainerSchema.parse({
    Id: id,
    Name: `/${names[id]}`,
    State: {
      Running: running.has(id),
      Pid: running.has(id) ? 42 : 0,
      StartedAt: running.get(id) ?? '',
      Health: health.has(id) ? { Status: health.get(id) } : null,
    },
    HostConfig: {},
    Config: {},
  });

async function start(id: string, second: number) {
  running.set(id, `2026-11-23T08:00:0${second}Z`);
  const port = `vi100000${second}`;
  const endpoint = await endpoints.of(container(id), decision, { port, mac: '02:00:00:00:00:01' });
  const guest = { runtime: 'docker' as const, vmid: 1_000_000 + second, name: names[id] ?? '', id };
  desiredState = desiredState.filter((desiredGuest) => desiredGuest.guest.id !== id);
  desiredState.push({
    key: `docker:${id}`,
    guest,
    ports: [{ port, interface: port, bridge: 'ovsbr1', guest, nic: 0, ...endpoint.port }],
  });
  return endpoint;
}

/** It ends, and with it what it asked for. */
async function end(id: string) {
  running.delete(id);
  const ended = await endpoints.ended(id);
  desiredState = desiredState.filter((desiredGuest) => desiredGuest.guest.id !== id);
  return ended;
}

const open = async (own: { pools?: string[]; reserved?: string[] } = {}) => {
  const rules = { ...defaultConfig().netmaker, ...own };
  const leases = await openLeases({
    path: join(directory, 'leases.json'),
    pools: poolsOf(rules),
    reserved: reservedRanges(rules),
    cooldownMs: 1000,
    misses: 3,
    now: Date.now,
    inUse: ({ key }) => new Set(isInUse && key.startsWith('group:') ? ['203.0.113.5'] : []),
    held: () => [],
    onProblem: (problem) => expect.unreachable(problem),
  });
  endpoints = netmakerEndpoints({
    rules,
    pools: poolsOf(rules),
    leases,
    inspect: async (id) => {
      inspected.push(id);
      return names[id] === undefined ? undefined : container(id);
    },
    desiredGuests: () => desiredState,
    isWithdrawn: () => false,
  });
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'endpoints-'));
  desiredState = [];
  running = new Map();
  health = new Map();
  inspected = [];
  isInUse = false;
  await open();
});
afterEach(() => rm(directory, { recursive: true }));

describe('the shared address of a group', () => {
  it('goes to the first member, beside its own', async () => {
    const first = await start(A, 1);
    const second = await start(B, 2);
    expect(first.addresses).toEqual(['203.0.113.2/24', '203.0.113.3/24']);
    expect(first.port.shared).toEqual(['203.0.113.3']);
    expect(second.addresses).toEqual(['203.0.113.4/24']);
    expect(first.addressTransfers).toEqual([
      { group: 'web', addresses: ['203.0.113.3'], from: null, to: 'a' },
    ]);
    expect(second.addressTransfers).toEqual([]);
  });

  it('is one member’s also when all start at the same time', async () => {
    const all = await Promise.all([start(A, 1), start(B, 2), start(C, 3)]);
    expect(all.filter(({ port }) => (port.shared ?? []).length > 0)).toHaveLength(1);
  });

  it('moves to the member that has run longest when its holder ends', async () => {
    for (const [index, id] of [A, B, C].entries()) await start(id, index + 1);
    expect(await end(A)).toEqual({
      addressTransfers: [{ group: 'web', addresses: ['203.0.113.3'], from: 'a', to: 'b' }],
      dependents: [B],
    });
    expect((await start(B, 2)).port.shared).toEqual(['203.0.113.3']);
    expect((await start(C, 3)).port.shared).toEqual([]);
  });

  it('stays where it is when the former holder comes back', async () => {
    await start(A, 1);
    await start(B, 2);
    await end(A);
    await start(B, 2);
    expect((await start(A, 5)).port.shared).toEqual([]);
  });

  it('leaves a holder that is unhealthy, which lets go before the next one takes it', async () => {
    await start(A, 1);
    await start(B, 2);
    health.set(A, 'unhealthy');
    const holder = await start(A, 1);
    expect(holder.port.shared).toEqual([]);
    expect(holder.dependents).toEqual([B]);
    expect(holder.addressTransfers).toMatchObject([{ from: 'a', to: 'b' }]);
  });

  it('is still the holder’s after a restart of the agent', async () => {
    await start(A, 1);
    await start(B, 2);
    await end(A);
    await start(B, 2);
    running.set(A, '2026-11-23T08:00:01Z');
    await open();
    const requeueAfterMs = await start(A, 1);
    expect(requeueAfterMs.port.shared).toEqual([]);
    expect(requeueAfterMs.addressTransfers).toEqual([]);
    expect((await start(B, 2)).port.shared).toEqual(['203.0.113.3']);
  });

  it('is given, and told of, once there is one, when there was none to give', async () => {
    isInUse = true;
    await open({ pools: ['203.0.113.0/29'], reserved: ['203.0.113.2', '203.0.113.3', '203.0.113.6'] });
    await expect(start(A, 1)).rejects.toMatchObject({ code: 'pool-exhausted' });
    isInUse = false;
    expect((await start(A, 1)).addressTransfers).toEqual([
      { group: 'web', addresses: ['203.0.113.5'], from: null, to: 'a' },
    ]);
  });

  it('costs no look at members whose end nobody saw', async () => {
    await start(A, 1);
    running.delete(A);
    desiredState = [];
    await start(B, 2);
    inspected = [];
    await start(B, 2);
    expect(inspected).toEqual([]);
  });

  it('is nobody’s when no member runs', async () => {
    await start(A, 1);
    expect(await end(A)).toMatchObject({ addressTransfers: [{ from: 'a', to: null }], dependents: [] });
  });
});

it('an address of a network that is no pool is the container’s as it was written', async () => {
  running.set(A, '2026-11-23T08:00:01Z');
  const own = { ...decision, address: '10.0.1.50/24', gateway: '10.0.1.1' };
  const { failoverGroup: _, ...alone } = own;
  const endpoint = await endpoints.of(container(A), alone, { port: 'vi1', mac: '02:00:00:00:00:01' });
  expect(endpoint.addresses).toEqual(['10.0.1.50/24']);
  expect(endpoint.gateways).toEqual(['10.0.1.1']);
  expect(endpoint.port.published).toEqual([]);
  expect(endpoint.port.portSecurity?.addresses).toEqual(['10.0.1.50']);
});

it('a pool that is also a Docker network of the container is refused', async () => {
  running.set(A, '2026-11-23T08:00:01Z');
  const inside = {
    ...container(A),
    NetworkSettings: {
      SandboxKey: '',
      Networks: {
        lan: {
          EndpointID: 'e',
          IPAddress: '203.0.113.77',
          IPPrefixLen: 25,
          Gateway: '',
          GlobalIPv6Address: '',
          GlobalIPv6PrefixLen: 0,
          IPv6Gateway: '',
        },
      },
    },
  };
  const { failoverGroup: _, ...alone } = decision;
  await expect(endpoints.of(inside, alone, { port: 'vi1', mac: '02:00:00:00:00:01' })).rejects.toThrow(
    "overlaps Docker's network lan",
  );
});
