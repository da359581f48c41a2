// Small stand-ins for what the heart works with, all in memory: a ledger, the desired-state store, a switch.

import { defaultConfig } from '../../../src/core/config/parse-config.ts';
import type { LifecycleEvent } from '../../../src/core/events/lifecycle-event.ts';
import type { Entry } from '../../../src/core/ledger/draft.ts';
import type { Ledger } from '../../../src/core/ledger/writer.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import type { JsonObject } from '../../../src/core/lib/json.ts';
import { keyedQueue } from '../../../src/core/lib/keyed-queue.ts';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import { type Observed, type ObservedPort, OWNER_KEYS } from '../../../src/core/plan/observed.ts';
import type { Executors, Step } from '../../../src/core/plan/steps.ts';
import { type AgentParts, createAgent } from '../../../src/reconcile/agent.ts';
import { type ConvergeParts, type ConvergeRequest, openConverge } from '../../../src/reconcile/converge.ts';
import { knownEvents } from '../../../src/reconcile/known-events.ts';
import { openRecreateBackoff } from '../../../src/reconcile/recreate-backoff.ts';
import type { Resolution, Sources } from '../../../src/runtimes/source.ts';
import type { DesiredGuest, DesiredState } from '../../../src/state/desired-state.ts';
import { openPendingRetries } from '../../../src/state/pending-retries.ts';
import { everySource } from './every-source.ts';

export const BRIDGE = 'ovsbr0';

export function wish(vmid: number): DesiredPort {
  const guest = { runtime: 'proxmox-qemu', vmid, name: `guest${vmid}` } as const;
  return { port: `vi${vmid}`, interface: `tap${vmid}i0`, bridge: BRIDGE, guest, nic: 0 };
}

export function resolution(vmid: number, more: Partial<Resolution> = {}): Resolution {
  const desired = wish(vmid);
  return { guest: desired.guest, ports: [desired], skipped: [], note: '', ...more };
}

export function event(id: string | number, vmid = 101, phase: 'post-start' | 'post-stop' = 'post-start') {
  const at = '2026-11-23T08:30:32.123Z';
  return { id: `event-${id}`, at, source: 'proxmox', phase, vmid } satisfies LifecycleEvent;
}

/** A door that everybody waits at until it is opened. */
export function door() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Everything that can go on by itself has gone on. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export interface FakeLedger {
  ledger: Ledger;
  blocks: (Entry & { height: number })[];
  /** Whether appends fail. */
  isFull: boolean;
  /** Each append waits for it. */
  disk: Promise<void>;
}

/** @param journal gets `block <action>` for each block, once it is on the disk */
export function fakeLedger(journal: string[]): FakeLedger {
  const fake: FakeLedger = {
    blocks: [],
    isFull: false,
    disk: Promise.resolve(),
    ledger: {
      async append(entry: Entry) {
        await fake.disk;
        if (fake.isFull) throw new AgentError('ledger-write-failed', 'The disk is full');
        const height = fake.blocks.length + 1;
        fake.blocks.push({ ...entry, height });
        journal.push(`block ${entry.action}`);
        return { height };
      },
    } as unknown as Ledger,
  };
  return fake;
}

export function fakeClaims(): DesiredState {
  const desiredState = new Map<string, DesiredGuest>();
  const fake: Partial<DesiredState> = {
    get: (key) => desiredState.get(key),
    all: () => [...desiredState.values()],
    async set(desiredGuest) {
      if (desiredGuest.ports.length === 0) desiredState.delete(desiredGuest.key);
      else desiredState.set(desiredGuest.key, desiredGuest);
    },
    ofPort: (port) =>
      [...desiredState.values()].find(({ ports }) => ports.some((found) => found.port === port)),
  };
  return fake as DesiredState;
}

/** The whole heart, with a converge that does what it is asked for and says so in the journal. */
export function heart(more: Partial<AgentParts> = {}) {
  const journal: string[] = [];
  const written = fakeLedger(journal);
  const desiredState = fakeClaims();
  const pendingRetries = openPendingRetries(() => performance.now());
  const errors: unknown[] = [];
  const requests: ConvergeRequest[] = [];
  const quiet = { resolve: async () => resolution(0, { ports: [] }), current: async () => [] };
  const proxmox: Sources['proxmox'] = {
    resolve: async ({ vmid, phase }) => resolution(vmid, phase === 'post-stop' ? { ports: [] } : {}),
    current: async () => [],
  };
  const docker: Sources['docker'] = { ...quiet };
  const hooks = { converge: async (_: ConvergeRequest): Promise<void> => undefined };
  const agent = createAgent({
    config: defaultConfig(),
    ledger: written.ledger,
    desiredState,
    pendingRetries,
    sources: { ...everySource(quiet), proxmox, docker },
    guestQueue: keyedQueue(4),
    known: knownEvents(),
    ready: async () => true,
    settled: async (asked) => asked.map(() => false),
    guestAt: async () => undefined,
    containerAt: async () => resolution(0, { ports: [] }),
    publish: async () => undefined,
    prepare: async () => undefined,
    release: async () => undefined,
    requeue: () => undefined,
    occasionOf: async () => 'guest',
    isWorthABlock: () => true,
    leaveOut: () => undefined,
    now: () => Date.parse('2026-11-23T08:30:33Z'),
    onRetriesChanged: () => undefined,
    onError: (error) => void errors.push(error),
    converge: async (request) => {
      requests.push(request);
      journal.push(
        `converge ${request.key ?? 'leftovers'} ${request.desired.map(({ port }) => port)}`.trim(),
      );
      await hooks.converge(request);
      return request.desired.map(({ port, interface: link, bridge }) => {
        return { port, interface: link, bridge, state: 'attached' as const };
      });
    },
    ...more,
  });
  return { agent, journal, written, desiredState, pendingRetries, errors, requests, proxmox, docker, hooks };
}

/** A row as our driver leaves it. */
export function rowOf(desired: DesiredPort): ObservedPort {
  const marks = { [OWNER_KEYS.vmid]: String(desired.guest.vmid), [OWNER_KEYS.nic]: String(desired.nic) };
  return {
    port: desired.port,
    row: desired.port,
    driver: 'ovsdb',
    bridge: desired.bridge,
    interface: desired.interface,
    type: 'system',
    ofport: desired.guest.vmid,
    vlan: { trunks: [] },
    portUuid: 'p',
    interfaceUuid: 'i',
    bridgeRowUuid: 'b',
    externalIds: marks,
    interfaceExternalIds: marks,
  };
}

/** A switch in memory under the real plan; what is done to it is in the journal beside the blocks. */
export function convergence(vmids: readonly number[]) {
  const journal: string[] = [];
  const written = fakeLedger(journal);
  const pendingRetries = openPendingRetries(() => performance.now());
  const bridges = new Set([BRIDGE]);
  const links = new Set(vmids.map((vmid) => wish(vmid).interface));
  const rows = new Map<string, ObservedPort>();
  const bound = new Map<string, { port: string; interface: string; bridge: string }>();
  const failing = new Set<string>();
  const hooks = { during: async (_: Step): Promise<void> => undefined, looks: 0 };

  const run = async (step: Step): Promise<JsonObject> => {
    const subject = 'desired' in step ? step.desired.port : 'bridge' in step ? step.bridge : step.kind;
    journal.push(`run ${step.kind} ${step.kind === 'detach_port' ? step.port.port : subject}`);
    await hooks.during(step);
    if (failing.has(subject)) throw new Error('the daemon fell over');
    if (step.kind === 'create_bridge') bridges.add(step.bridge);
    if (step.kind === 'attach_port') rows.set(step.desired.port, rowOf(step.desired));
    if (step.kind === 'detach_port') rows.delete(step.port.port);
    return { driver: 'ovsdb' };
  };
  const observe = async (): Promise<Observed> => {
    hooks.looks += 1;
    return {
      bridges: new Map(
        [...bridges].map((name) => [name, { name, datapathType: 'system', externalIds: {} } as const]),
      ),
      ports: [...rows.values()],
      links: new Set(links),
      linuxBridges: new Set(),
      profiles: [],
      guestEnds: new Set(),
      parked: new Set(),
      bridgesDown: new Set(),
      hostDevices: new Map(),
      guestDevices: new Set(links),
      portSecurity: new Map(),
      leftByProxmox: new Set(),
    };
  };
  const parts: ConvergeParts = {
    config: { ...defaultConfig(), bridges: { [BRIDGE]: { create: true } as never } },
    ledger: written.ledger,
    facts: () => ({ configured: 'ovsdb', presence: { networkmanager: 'unable' }, declared: new Set() }),
    isHeld: () => false,
    securityDigest: () => '',
    pendingRetries,
    recreateBackoff: openRecreateBackoff(() => performance.now()),
    executors: { create_bridge: run, attach_port: run, detach_port: run } as unknown as Executors<JsonObject>,
    observe,
    bridgeQueue: keyedQueue(4),
    takenBy: () => undefined,
    recordOf: () => new Set(),
    presentPorts: () => new Set(rows.keys()),
    holderOf: (link) => [...rows.values()].find((row) => row.interface === link),
    bound: () => [...bound.values()],
    onAttached: async ({ port, interface: link, bridge }) =>
      void bound.set(port, { port, interface: link, bridge }),
    onDetached: async (port) => void bound.delete(port),
  };
  const { converge, settled } = openConverge(parts);
  const request = (asked: readonly number[], cause = async () => 7) => {
    const desired = asked.map(wish);
    const own = new Set(vmids.map((vmid) => wish(vmid).port));
    return { desired, inScope: (port: string) => own.has(port), cause };
  };
  return {
    converge,
    settled,
    request,
    journal,
    written,
    pendingRetries,
    bridges,
    links,
    rows,
    bound,
    failing,
    hooks,
  };
}
