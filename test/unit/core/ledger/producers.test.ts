// The registry of ledger actions: everything that the source writes is in it, and docs/ledger.md has the same.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { attestationsSchema } from '../../../../src/api/answers/netmaker.ts';
import { LEDGER_ACTIONS, OPEN_CATEGORIES, PRODUCERS } from '../../../../src/api/ledger-producers.ts';
import { eventLine, isEvent } from '../../../../src/cli/render/event.ts';
import { lifecycleEventSchema } from '../../../../src/core/events/lifecycle-event.ts';
import { type HashedBlock, producerOf } from '../../../../src/core/ledger/index.ts';
import type { Step } from '../../../../src/core/plan/steps.ts';
import { STEP_ACTIONS } from '../../../../src/core/plan/steps.ts';
import { meshChanges } from '../../../../src/netmaker/wireguard/changes.ts';
import { eventData } from '../../../../src/reconcile/event-data.ts';
import { stepData } from '../../../../src/reconcile/step-data.ts';
import { blockProblem } from './registry.ts';

const ROOT = new URL('../../../../', import.meta.url).pathname;
const source = ['src', 'hooks'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path: path.slice(ROOT.length), text: readFileSync(path, 'utf8') };
    }),
);

describe('the registry', () => {
  it('has each action once, of a category that its producer names', () => {
    const all = PRODUCERS.flatMap(({ actions }) => Object.keys(actions));
    expect(all.length).toBe(new Set(all).size);
    for (const { name, categories, actions } of PRODUCERS) {
      const used = new Set(Object.values(actions).map(({ category }) => category));
      expect([name, [...used].sort()]).toEqual([name, [...categories].sort()]);
    }
  });

  it('has every action that the source names', () => {
    const named = source.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:category: '(\w+)',\s*)?action: '([a-z_]+)'(?!\s*\|)/g)].map(
        ([, category, action = '']) => ({ path, category, action }),
      ),
    );
    const written = named.filter(({ path }) => !path.endsWith('/hook-input.ts'));
    expect(written.length).toBeGreaterThan(30);
    for (const { path, category, action } of written) {
      const shape = LEDGER_ACTIONS.get(action);
      expect([path, action, shape?.category]).toEqual([path, action, category ?? shape?.category ?? 'none']);
    }
  });

  // Where an action is put together, the registry is put together from the same table; a new place has to be looked at.
  it('knows the places where an action is not written out', () => {
    const places = source.flatMap(({ path, text }) =>
      [...text.matchAll(/\baction: ([^'"\s][^,\n]*)/g)].map(([, what = '']) => `${path}: ${what.trim()}`),
    );
    const writes = places.filter(
      (place) =>
        !place.startsWith('src/runtimes/lxc/hook-input.ts') &&
        !/: (?:string|0x|z\.|A;|MeshAction|StepAction|draft\.action|action\b|letters)/.test(
          place.slice(place.indexOf(':')),
        ),
    );
    const expressions = writes.map((place) => place.replace(/^[^:]*: /, '').replaceAll('$', '%'));
    const known = [
      'AGENT_STARTED',
      '`hookscript_%{result}`',
      "found === 0 ? 'ledger_missing' : 'ledger_diverged'",
      "state === 'fresh' ? 'handshake_fresh' : 'handshake_stale'",
      'words.intent',
      'phaseAction(occasion',
      '`%{intent.action}_interrupted`',
      // Programs of others: below their own names.
      'entry.action',
      '`%{producer}.%{action}`',
    ];
    expect(expressions.sort()).toEqual(known.sort());
  });
});

describe('what is open to programs of others', () => {
  it("is what docs/producers.md says, and nothing that is the agent's own", () => {
    const page = readFileSync(join(ROOT, 'docs/producers.md'), 'utf8');
    const [, said = ''] = /\| `categories` \| [^:]*: ([^|]*) \|/.exec(page) ?? [];
    expect(said.match(/\w+/g)?.sort()).toEqual([...OPEN_CATEGORIES].sort());
    for (const { category } of LEDGER_ACTIONS.values()) expect(OPEN_CATEGORIES).not.toContain(category);
  });

  it('is an action that no action of the agent can be', () => {
    for (const action of LEDGER_ACTIONS.keys()) expect(action).not.toContain('.');
  });
});

const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe('docs/ledger.md', () => {
  const page = readFileSync(join(ROOT, 'docs/ledger.md'), 'utf8');
  const part = page.slice(page.indexOf('## What stands in it'), page.indexOf('## Verifying'));
  const rows = part
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1));
  const words = (cell = '') => [...cell.matchAll(/`([a-z0-9_]+)`/g)].map(([, word = '']) => word);

  it('has a row for every action, and none for another', () => {
    // Said in prose: what failed, what was interrupted, and events of a backup.
    const outcomes = Object.values(STEP_ACTIONS).flatMap(({ intent, failed }) => [
      failed,
      `${intent}_interrupted`,
    ]);
    const inProse = new Set(outcomes);
    const wanted = [...LEDGER_ACTIONS.keys()].filter(
      (action) => !inProse.has(action) && !/^backup_(?!pre_start$)/.test(action),
    );
    expect([...new Set(rows.flatMap(([actions]) => words(actions)))].sort()).toEqual(wanted.sort());
    expect(part).toContain('`_failed`');
    expect(part).toContain('_interrupted`');
  });

  /** Keys of an object, or of any that it may be. */
  const keysOf = (schema: z.ZodType): string[] => {
    if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
    return schema instanceof z.ZodUnion ? schema.options.flatMap((one) => keysOf(one as z.ZodType)) : [];
  };
  /** Said for many rows at once, above or below the tables. */
  const SHARED: [said: RegExp, keys: string[]][] = [
    [/port's/, ['port', 'row', 'interface', 'bridge', 'vmid', 'guest', 'runtime']],
    [/the event's/, keysOf(z.union(lifecycleEventSchema.options)).map(snake)],
    [/attest_netmaker/, keysOf(attestationsSchema.element)],
  ];

  it('names every key of the data', () => {
    // Of the mesh's table, of every event, of every outcome, of a port that keeps another row.
    const everywhere = ['guest', 'container_id', 'port', 'swept', 'ms', 'row'];
    const said = new Map<string, string[]>();
    let former: string[] = [];
    for (const row of rows) {
      const cell = row.at(-1) ?? '';
      const here = [...words(cell), ...SHARED.flatMap(([text, keys]) => (text.test(cell) ? keys : []))];
      former = /the same/.test(cell) ? former : here;
      for (const action of words(row[0])) said.set(action, [...(said.get(action) ?? everywhere), ...former]);
    }
    const missing = [...said].flatMap(([action, names]) =>
      keysOf(LEDGER_ACTIONS.get(action)?.data ?? z.never())
        .filter((key) => !names.includes(key))
        .map((key) => `${key} of ${action}`),
    );
    expect(missing).toEqual([]);
  });

  it('has the category of each', () => {
    for (const [actions, category] of rows) {
      const [, said] = /^ `(\w+)` $/.exec(category ?? '') ?? [];
      if (said === undefined) continue;
      for (const action of words(actions))
        expect([action, LEDGER_ACTIONS.get(action)?.category]).toEqual([action, said]);
    }
  });
});

describe('events', () => {
  it('tells of every action but those of the file, of settings, of people and of storage', () => {
    for (const [action, { category }] of LEDGER_ACTIONS) {
      const block = {
        action,
        category,
        data: {},
        metadata: {},
        height: 1,
        timestamp: '2026-11-23T08:30:32.123Z',
      };
      const isReported = producerOf(category) === 'network';
      expect([action, isEvent(block as unknown as HashedBlock)]).toEqual([action, isReported]);
      const line = eventLine(block as unknown as HashedBlock, null);
      expect(line).toContain(action.replaceAll('_', ' '));
    }
  });
});

describe('what is written', () => {
  const guest = { vmid: 101, name: 'shop', runtime: 'docker' };
  const veth = {
    guestInterface: 'ovs0',
    mac: '02:00:00:00:00:01',
    addresses: ['192.0.2.2/24'],
    gateways: [],
  };
  const desired = { port: 'vi101', interface: 'vi101', bridge: 'ovsbr0', nic: 0, guest, veth, row: 'r' };
  const row = { port: 'vi101', row: 'r', interface: 'vi101', bridge: 'ovsbr0', driver: 'ovsdb' };
  const guard = { mac: veth.mac, addresses: ['192.0.2.2'], isolate: true, allowIn: ['icmp'], rateIn: 1 };
  const of = {
    desired,
    veth,
    portSecurity: guard,
    port: row,
    from: row,
    row,
    reason: 'gone',
    bridge: 'ovsbr0',
    uuids: ['u'],
  };
  const kinds = Object.keys(STEP_ACTIONS) as Step['kind'][];
  const named = ['unguard_port', 'drop_profiles', 'delete_veth'];

  it.each(kinds)('of the step %s has its shape', (kind) => {
    const port = named.includes(kind) ? 'vi101' : row;
    const step = { ...of, kind, port, interface: 'vi101', vmid: 101, addresses: ['192.0.2.3'] };
    const { category, intent, failed } = STEP_ACTIONS[kind];
    const data = stepData(step as unknown as Step);
    expect(blockProblem({ category, action: intent, data })).toBeUndefined();
    const error = { code: 'x', error: 'y', ms: 1 };
    expect(blockProblem({ category, action: failed, data: { ...data, ...error } })).toBeUndefined();
    expect(blockProblem({ category, action: failed, data: { ...data, more: 1 } })).toMatch(failed);
  });

  it.each([
    { source: 'proxmox', phase: 'pre-start', vmid: 101, migratedFrom: 'pve2' },
    { source: 'lxc', phase: 'start-host', name: 'web', pid: 1, configFile: '/a', swept: ['vi100'] },
    { source: 'docker', phase: 'rename', name: 'web', containerId: 'f'.repeat(64), formerName: 'old' },
    { source: 'manual', phase: 'attach', interface: 'veth0', name: 'web', vmid: 101, vlan: { trunks: [1] } },
  ])('of an event of $source has its shape', (said) => {
    const event = lifecycleEventSchema.parse({
      id: 'a4c52dd3-96c2',
      at: '2026-11-23T08:30:32.123Z',
      ...said,
    });
    const block = (action: string, more: object) => ({
      category: 'lifecycle',
      action,
      data: { ...eventData(event), ...more },
    });
    expect(blockProblem(block(`guest_${said.phase.replace('-', '_')}`, {}))).toBeUndefined();
    expect(blockProblem(block('guest_skipped', { reasons: ['x'] }))).toBeUndefined();
    expect(blockProblem(block('event_failed', { code: 'x', error: 'y' }))).toBeUndefined();
  });

  it('of the mesh has its shape', () => {
    const peer = { publicKey: 'k', endpoint: '192.0.2.1:1', lastHandshake: 1, rx: 0, tx: 0 };
    const link = {
      interface: 'netmaker',
      source: 'kernel' as const,
      listenPort: 51821,
      publicKey: 'p',
      peers: [peer],
    };
    const container = { container: 'nc', id: 'i', pid: 1, port: 'vi1' };
    const sight = { container, health: 'healthy' as const, restarts: 0, startedAt: 'a', readAt: 2000 };
    const before = { ...sight, wireguard: [link, { ...link, interface: 'old' }] };
    const later = {
      ...sight,
      health: 'unhealthy' as const,
      startedAt: 'b',
      readAt: 10_000_000,
      wireguard: [
        {
          ...link,
          peers: [
            { ...peer, endpoint: null },
            { ...peer, publicKey: 'n' },
          ],
        },
      ],
    };
    const none = { ...later, wireguard: [{ ...link, peers: [] }] };
    const changes = [
      ...meshChanges(undefined, before as never),
      ...meshChanges(before as never, later as never),
      ...meshChanges(later as never, none as never),
      ...meshChanges(before as never, later as never, 1),
    ];
    expect(new Set(changes.map(({ action }) => action)).size).toBeGreaterThan(7);
    for (const change of changes)
      expect(blockProblem({ category: 'connectivity', ...change })).toBeUndefined();
  });
});
