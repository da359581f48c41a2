// The agent's core on a real ledger and real binding files; the switch is a list in memory.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/core/config/parse-config.ts';
import type { LifecycleEvent } from '../../../src/core/events/lifecycle-event.ts';
import {
  type HashedBlock,
  type LedgerWriter,
  openLedger,
  readBlocks,
} from '../../../src/core/ledger/index.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { keyedQueue } from '../../../src/core/lib/keyed-queue.ts';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import { type Agent, createAgent } from '../../../src/reconcile/agent.ts';
import type { ConvergeRequest } from '../../../src/reconcile/converge.ts';
import { knownEvents } from '../../../src/reconcile/known-events.ts';
import type { Resolution, Sources } from '../../../src/runtimes/source.ts';
import { type DesiredState, loadDesiredState } from '../../../src/state/desired-state.ts';
import { openPendingRetries } from '../../../src/state/pending-retries.ts';
import { blockProblem } from '../../unit/core/ledger/registry.ts';
import { everySource } from '../../unit/reconcile/every-source.ts';

const guest = { runtime: 'proxmox-qemu', vmid: 101, name: 'web' } as const;
const port: DesiredPort = { port: 'vi101', interface: 'tap101i0', bridge: 'ovsbr0', guest, nic: 0 };
const attached: Resolution = { guest, ports: [port], skipped: [], note: '' };
const gone: Resolution = { guest, ports: [], skipped: [], note: 'its ports are gone' };

let directory: string;
let ledger: LedgerWriter;
let desiredState: DesiredState;
let requests: ConvergeRequest[];
let errors: unknown[];
let released: number[];
let later: [number, number][];
let resolveNext: (event: LifecycleEvent) => Promise<Resolution>;
let publish: () => Promise<void>;
let running: () => Promise<{ key: string; resolution: Resolution }[] | undefined>;
let resolveContainer: () => Promise<Resolution>;
let isWorthABlock: boolean;
let leftOut: number;
let agent: Agent;

const post = (id: string, phase: 'post-start' | 'post-stop' = 'post-start'): LifecycleEvent => ({
  id: `event-${id}`,
  at: '2026-11-23T08:30:32.123Z',
  source: 'proxmox',
  phase,
  vmid: 101,
});

async function blocks(): Promise<HashedBlock[]> {
  const found: HashedBlock[] = [];
  for await (const block of readBlocks(join(directory, 'ledger.jsonl'), {})) found.push(block);
  // Nothing is written that the registry of actions does not have, shape and all.
  expect(found.map(blockProblem).filter(Boolean)).toEqual([]);
  return found;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-'));
  ledger = await openLedger({
    path: join(directory, 'ledger.jsonl'),
    hostname: 'test',
    bootId: 'boot',
    pid: process.pid,
    user: 'root',
  });
  desiredState = await loadDesiredState(join(directory, 'bindings'));
  requests = [];
  errors = [];
  later = [];
  released = [];
  resolveNext = async () => attached;
  publish = async () => undefined;
  running = async () => [];
  const quiet = { resolve: async () => gone, current: async () => [] };
  const sources: Sources = {
    ...everySource(quiet),
    proxmox: { resolve: (event) => resolveNext(event), current: () => running() },
    docker: { ...quiet, resolve: () => resolveContainer() },
  };
  leftOut = 0;
  isWorthABlock = true;
  resolveContainer = async () => gone;
  agent = createAgent({
    config: defaultConfig(),
    ledger,
    desiredState,
    pendingRetries: openPendingRetries(Date.now),
    sources,
    guestQueue: keyedQueue(4),
    known: knownEvents(),
    ready: async () => true,
    settled: async (asked) => asked.map(() => false),
    guestAt: async () => undefined,
    containerAt: async () => gone,
    publish: () => publish(),
    prepare: async () => undefined,
    release: async (veth) => void released.push(veth.pid),
    requeue: (vmid, ms) => void later.push([vmid, ms]),
    occasionOf: async () => 'guest',
    isWorthABlock: () => isWorthABlock,
    leaveOut: () => void leftOut++,
    now: () => Date.parse('2026-11-23T08:30:33Z'),
    onRetriesChanged: () => undefined,
    onError: (error) => void errors.push(error),
    converge: async (request) => {
      requests.push(request);
      if (request.desired.length > 0) await request.cause();
      return request.desired.map((desiredPort) => ({
        port: desiredPort.port,
        interface: desiredPort.interface,
        bridge: desiredPort.bridge,
        state: 'attached' as const,
      }));
    },
  });
});
afterEach(async () => {
  await ledger.close();
  await rm(directory, { recursive: true });
});

it('a guest whose card is to be looked at again is, also when everything is looked at', async () => {
  running = async () => [{ key: 'vmid:101', resolution: { ...attached, requeueAfterMs: 3000 } }];
  await agent.reconcile('start');
  expect(later).toEqual([[101, 3000]]);
});

describe('an event', () => {
  it('is in the ledger with who handed it in, before anything is done', async () => {
    const result = await agent.handle(post('one'), { user: 'root', pid: 4711 });
    expect(result).toMatchObject({ ok: true, height: 1, message: 'vi101 attached on ovsbr0 (tap101i0)' });
    expect(await blocks()).toMatchObject([
      { action: 'guest_post_start', user: 'root', pid: 4711, data: { vmid: 101 } },
    ]);
  });

  it('that comes twice is one event', async () => {
    await agent.handle(post('same'));
    const requeueAfterMs = await agent.handle(post('same'));
    expect(requeueAfterMs).toMatchObject({ ok: true, height: null });
    expect(await blocks()).toHaveLength(1);
    expect(requests).toHaveLength(1);
  });

  it('that an earlier run recorded is acted on without being recorded again', async () => {
    const { at, phase, vmid } = post('earlier') as Extract<LifecycleEvent, { source: 'proxmox' }>;
    const entry = { category: 'lifecycle', action: 'guest_post_start', data: { at, phase, vmid } } as const;
    const { height } = await ledger.append(entry);
    const result = await agent.finish(post('earlier'), height);
    expect(result).toMatchObject({ ok: true, height });
    expect(desiredState.get('vmid:101')?.ports).toHaveLength(1);
    expect(await blocks()).toHaveLength(1);
    expect(await requests[0]?.cause()).toBe(height);
  });

  it('of a guest without public addresses does not wait for the host to become the gateway of others', async () => {
    publish = () => new Promise(() => undefined);
    expect(await agent.handle(post('private'))).toMatchObject({ ok: true });
  });

  it('that cannot be handled is told, recorded, and harms no later one', async () => {
    resolveNext = () => Promise.reject(new AgentError('bad-guest-config', 'net0 is garbage'));
    const failed = await agent.handle(post('bad'));
    expect(failed.ok).toBe(false);
    expect(failed.message).toContain('net0 is garbage');
    expect((await blocks()).map((block) => block.action)).toEqual(['guest_post_start', 'event_failed']);
    resolveNext = async () => attached;
    expect((await agent.handle(post('good'))).ok).toBe(true);
  });

  it('that takes a port away gives the container back the network that it had before', async () => {
    const veth = {
      pid: 42,
      guestInterface: 'ovs0',
      mac: '02:00:00:00:00:01',
      addresses: [],
      gateways: [],
      nameservers: [],
      networks: [],
    };
    resolveNext = async () => ({ ...attached, ports: [{ ...port, veth }] });
    await agent.handle(post('0000-0001'));
    expect(released).toEqual([]);
    resolveNext = async () => gone;
    await agent.handle(post('0000-0002', 'post-stop'));
    expect(released).toEqual([42]);
  });

  it('that could not be recorded is not acted on, and comes again once it can', async () => {
    const append = ledger.append;
    const full = new AgentError('ledger-write-failed', 'no space left');
    ledger.append = () => Promise.reject(full);
    const waiting = await agent.handle(post('full'));
    expect(waiting).toMatchObject({ ok: false, message: expect.stringContaining('no space left') });
    expect(requests).toEqual([]);
    ledger.append = append;
    running = async () => undefined;
    await agent.reconcile('space is back');
    expect((await blocks())[0]).toMatchObject({ action: 'guest_post_start' });
    expect(desiredState.get('vmid:101')?.ports).toHaveLength(1);
  });

  it('of Docker that is left out has a block all the same once it leads to something', async () => {
    isWorthABlock = false;
    const health = (id: string): LifecycleEvent => ({
      id: `event-${id}`,
      at: '2026-11-23T08:30:32.123Z',
      source: 'docker',
      phase: 'health',
      containerId: 'a'.repeat(64),
      name: 'web',
      image: '',
    });
    expect(await agent.handle(health('one'))).toMatchObject({ ok: true, height: null });
    resolveContainer = () => Promise.reject(new AgentError('container-not-attachable', 'no'));
    expect(await agent.handle(health('two'))).toMatchObject({ ok: false, height: null });
    expect([await blocks(), leftOut]).toEqual([[], 2]);
    resolveContainer = async () => attached;
    expect(await agent.handle(health('three'))).toMatchObject({ ok: true, height: 1 });
    expect([(await blocks()).map(({ action }) => action), leftOut]).toEqual([['guest_health'], 2]);
  });

  it('for which there is no room while the ledger cannot be written is counted, and told of', async () => {
    const append = ledger.append;
    ledger.append = () => Promise.reject(new AgentError('ledger-write-failed', 'no space left'));
    const waiting = await Promise.all(Array.from({ length: 10_003 }, (_, n) => agent.handle(post(`n-${n}`))));
    expect(waiting.filter(({ message }) => message.startsWith('is not recorded'))).toHaveLength(3);
    ledger.append = append;
    running = async () => undefined;
    await agent.reconcile('space is back');
    const told = (await blocks()).filter(({ action }) => action === 'events_lost');
    expect(told.map(({ data }) => data)).toEqual([expect.objectContaining({ count: 3 })]);
  }, 60_000);

  it('says what got no port and why', async () => {
    resolveNext = async () => ({ ...attached, ports: [], skipped: ['net0: vmbr0 is not an OVS bridge'] });
    const result = await agent.handle(post('skip'));
    expect(result.message).toBe('skipped net0: vmbr0 is not an OVS bridge');
    expect((await blocks()).at(-1)).toMatchObject({ action: 'guest_skipped', cause: 1 });
  });
});

describe('a reconcile', () => {
  it('that finds nothing to do writes nothing', async () => {
    await agent.reconcile('timer');
    expect(await blocks()).toEqual([]);
  });

  it('asks for the ports of every guest that runs', async () => {
    running = async () => [{ key: 'vmid:101', resolution: attached }];
    await agent.reconcile('timer');
    expect(requests.flatMap((request) => request.desired.map((desiredPort) => desiredPort.port))).toEqual([
      'vi101',
    ]);
  });

  it('keeps the guests of a source that cannot tell what runs', async () => {
    await agent.handle(post('start'));
    running = async () => undefined;
    await agent.reconcile('timer');
    expect(desiredState.get('vmid:101')?.ports).toHaveLength(1);
  });

  it('looks after all other guests when one runtime cannot be looked at', async () => {
    await agent.handle(post('start'));
    running = () => Promise.reject(new AgentError('name-taken', 'two containers want one number'));
    await agent.reconcile('timer');
    expect(errors).toHaveLength(1);
    expect(requests.at(-2)?.desired.map((desiredPort) => desiredPort.port)).toEqual(['vi101']);
  });

  it('lets go of a guest that does not run any more', async () => {
    await agent.handle(post('start'));
    await agent.reconcile('timer');
    expect(desiredState.get('vmid:101')).toBeUndefined();
  });

  it('does not undo an event that is newer than its look at the runtimes', async () => {
    await agent.handle(post('start'));
    running = async () => {
      resolveNext = async () => gone;
      await agent.handle(post('stop', 'post-stop'));
      return [{ key: 'vmid:101', resolution: attached }];
    };
    await agent.reconcile('timer');
    expect(desiredState.get('vmid:101')).toBeUndefined();
  });
});

describe('the binding files', () => {
  it('bring back what guests asked for after a restart of the agent', async () => {
    const claim = {
      key: 'lxc:web',
      guest: { runtime: 'lxc', vmid: 1_000_000, name: 'web' },
      ports: [],
    } as const;
    const desiredPort: DesiredPort = {
      port: 'vi1000000',
      interface: 'vethAbc',
      bridge: 'ovsbr0',
      guest: claim.guest,
      nic: 0,
      peer: { pid: 42 },
    };
    await desiredState.set({ ...claim, ports: [desiredPort] });
    await desiredState.bind(desiredPort, claim.key, 'networkmanager', new Date(0));
    const reloaded = await loadDesiredState(join(directory, 'bindings'));
    expect(reloaded.get('lxc:web')).toEqual({ ...claim, ports: [desiredPort] });
    expect(reloaded.binding('vi1000000')?.since).toBe('1970-01-01T00:00:00.000Z');
  });

  it('tell a restarted agent of a port that was asked for and not made yet', async () => {
    await desiredState.set({ key: 'vmid:101', guest, ports: [port] });
    const reloaded = await loadDesiredState(join(directory, 'bindings'));
    expect(reloaded.get('vmid:101')).toEqual({ key: 'vmid:101', guest, ports: [port] });
    expect(reloaded.bindings()).toEqual([]);
    // The device is not there, so it cannot be the one that was meant.
    expect(await reloaded.isForThisLink(port)).toBe(false);
    await desiredState.set({ key: 'vmid:101', guest, ports: [] });
    expect((await loadDesiredState(join(directory, 'bindings'))).all()).toEqual([]);
  });

  it('know the very device that a port was asked for', async () => {
    await desiredState.set({ key: 'vmid:101', guest, ports: [{ ...port, interface: 'lo' }] });
    const reloaded = await loadDesiredState(join(directory, 'bindings'));
    expect(await reloaded.isForThisLink({ ...port, interface: 'lo' })).toBe(true);
    expect(await reloaded.isForThisLink(port)).toBe(false);
  });

  it('are gone with the port', async () => {
    await desiredState.bind(port, 'vmid:101', 'networkmanager', new Date());
    await desiredState.unbind('vi101');
    expect((await loadDesiredState(join(directory, 'bindings'))).bindings()).toEqual([]);
  });
});
