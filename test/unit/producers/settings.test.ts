// Settings: what changed, told once, with what it was and is; also what changed while no agent ran.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/core/lib/json.ts';
import { emptyReplica, type Replica } from '../../../src/core/ovsdb/replica.ts';
import { difference, told } from '../../../src/producers/settings/difference.ts';
import { type SettingsParts, watchSettings } from '../../../src/producers/settings/watch-settings.ts';
import { blockProblem } from '../core/ledger/registry.ts';
import { appender } from './appender.ts';

describe('the difference of settings', () => {
  const settings = fc.dictionary(
    fc.constantFrom('a', 'b', 'c', '__proto__'),
    fc.jsonValue() as fc.Arbitrary<Json>,
  );

  it('leads from the one to the other, and is none between the same', () => {
    fc.assert(
      fc.property(settings, settings, (before, after) => {
        const now = new Map(Object.entries(before));
        for (const { key, from, to } of difference(before, after)) {
          expect(from).toEqual(now.get(key) ?? null);
          if (to === null && !Object.hasOwn(after, key)) now.delete(key);
          else now.set(key, to);
        }
        // A key whose value is null is as one that is not there.
        const known = (entries: Iterable<[string, Json]>) =>
          new Map([...entries].filter(([, value]) => value !== null));
        expect(known(now)).toEqual(known(Object.entries(after)));
        expect(difference(before, before)).toEqual([]);
      }),
    );
  });

  it('has 64 changes at most, and says how many more there are', () => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`k${i}`, i]));
    expect(told(difference({}, many))).toMatchObject({ more: 6, changes: { length: 64 } });
  });
});

let folder: string;
let replica: Replica;
let at = 0;
const book = appender();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settings-'));
  await writeFile(join(folder, 'config.toml'), 'strict = true\n');
  replica = emptyReplica();
  book.entries.length = 0;
  at = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const open = (parts: Partial<SettingsParts> = {}) =>
  watchSettings({
    ledger: book,
    seenFile: join(folder, 'seen.json'),
    configPath: join(folder, 'config.toml'),
    defaults: { strict: false, 'producers.users': 'changes' },
    ovsdb: { connected: true, replica },
    isManaged: (name) => name.startsWith('vmbr'),
    isOurs: () => false,
    now: () => 0,
    steady: () => at,
    warn: (text) => expect(text).toBe(''),
    onError: (error) => {
      throw error;
    },
    ...parts,
  });

interface BridgeColumns {
  fail_mode?: string;
  other?: [string, string][];
  ids?: [string, string][];
  tag?: number;
  port?: string;
  target?: string;
}
function put(name: string, { fail_mode, other = [], ids = [], tag, port = 'p1', target }: BridgeColumns) {
  const set = (value?: unknown) => ['set', value === undefined ? [] : [value]];
  replica.apply({
    Controller: { c1: target === undefined ? {} : { new: { target } } },
    Port: {
      [port]: {
        new: {
          ...{ name: 'tap1', interfaces: ['set', []], trunks: ['set', []], vlan_mode: set(), qos: set() },
          ...{ tag: set(tag), cvlans: ['set', []], protected: false },
          ...{ other_config: ['map', []], external_ids: ['map', []] },
        },
      },
    },
    Bridge: {
      [`uuid ${name}`]: {
        new: {
          ...{ name, ports: ['uuid', port], datapath_type: '', fail_mode: set(fail_mode) },
          controller: target === undefined ? set() : ['uuid', 'c1'],
          ...{ protocols: set(), other_config: ['map', other], external_ids: ['map', ids] },
        },
      },
    },
  });
}

describe('bridges', () => {
  it('are told of when a setting changes, with both values, and with nobody', async () => {
    put('vmbr0', { tag: 5 });
    const watch = await open();
    await watch.lookAtBridges();
    expect(book.entries).toEqual([]);
    put('vmbr0', {
      tag: 6,
      fail_mode: 'secure',
      other: [['hwaddr', '02:00:00:00:00:01']],
      target: 'tcp:192.0.2.1',
    });
    await watch.lookAtBridges();
    await watch.lookAtBridges();
    expect(book.entries).toEqual([
      {
        category: 'parameter',
        action: 'bridge_settings_changed',
        user: 'unknown',
        data: {
          bridge: 'vmbr0',
          found: 'running',
          changed_by: 'unknown',
          changes: [
            { key: 'controllers', from: null, to: ['tcp:192.0.2.1'] },
            { key: 'fail_mode', from: null, to: 'secure' },
            { key: 'other_config:hwaddr', from: null, to: '02:00:00:00:00:01' },
            { key: 'vlan of tap1', from: '5', to: '6' },
          ],
        },
      },
    ]);
    expect(book.entries.map(blockProblem)).toEqual([undefined]);
  });

  it('are told of in the order of their names, whatever the order of their rows', async () => {
    const names = ['vmbr2', 'vmbr0', 'vmbr1'];
    for (const name of names) put(name, { port: name });
    const watch = await open();
    await watch.lookAtBridges();
    for (const name of names) put(name, { port: name, fail_mode: 'secure' });
    await watch.lookAtBridges();
    expect(book.entries.map(({ data }) => data)).toMatchObject([
      { bridge: 'vmbr0' },
      { bridge: 'vmbr1' },
      { bridge: 'vmbr2' },
    ]);
  });

  it('are told of when the change came while no agent ran', async () => {
    put('vmbr0', {});
    const before = await open();
    await before.lookAtBridges();
    await before.close();
    put('vmbr0', { fail_mode: 'standalone' });
    const after = await open();
    await after.lookAtBridges();
    expect(book.entries).toMatchObject([{ data: { found: 'start', changes: [{ key: 'fail_mode' }] } }]);
  });

  it('of others, what others keep in external_ids, ports that are new, and what a step does are not told of', async () => {
    put('vmbr0', { tag: 5 });
    put('lan', {});
    const watch = await open({ isOurs: (port) => port === 'tap1' });
    await watch.lookAtBridges();
    put('lan', { fail_mode: 'secure' });
    put('vmbr0', { tag: 6, ids: [['ovn-installed', '1']] });
    await watch.lookAtBridges();
    put('vmbr0', { tag: 7, port: 'p2' });
    await watch.lookAtBridges();
    expect(book.entries).toEqual([]);
  });

  it('that flap fill no ledger: what is left out is counted, and told with where it led', async () => {
    put('vmbr0', {});
    const watch = await open();
    await watch.lookAtBridges();
    for (let i = 0; i < 50; i++) {
      put('vmbr0', { fail_mode: i % 2 === 0 ? 'secure' : 'standalone' });
      await watch.lookAtBridges();
    }
    expect(book.entries).toHaveLength(5);
    at = 300_000;
    await watch.lookAtBridges();
    expect(book.entries.at(-1)).toMatchObject({
      data: { left_out: 45, changes: [{ key: 'fail_mode', from: 'secure', to: 'standalone' }] },
    });
    for (let i = 0; i < 6; i++) {
      put('vmbr0', { fail_mode: i % 2 === 0 ? 'secure' : 'standalone' });
      await watch.lookAtBridges();
    }
    at = 600_000;
    await watch.lookAtBridges();
    // Back to where it was: that it was elsewhere is told.
    expect(book.entries.at(-1)).toMatchObject({ data: { left_out: 6, changes: [] } });
    await watch.close();
  });

  it('are as they were while Open vSwitch cannot be asked', async () => {
    put('vmbr0', { fail_mode: 'secure' });
    const first = await open();
    await first.lookAtBridges();
    replica.clear();
    const away = await open({ ovsdb: { connected: false, replica } });
    await away.lookAtBridges();
    put('vmbr0', { fail_mode: 'secure' });
    const back = await open();
    await back.lookAtBridges();
    expect(book.entries).toEqual([]);
  });
});

describe('the configuration', () => {
  const strict = { strict: true, 'producers.users': 'changes' };

  it('is told of with the difference, the file, and who asked', async () => {
    const watch = await open();
    expect(await watch.noteConfig({ ...strict, strict: false }, 'start')).toBeUndefined();
    expect(await watch.noteConfig(strict, 'reload', { user: 'root', pid: process.pid })).toBe(1);
    expect(await watch.noteConfig(strict, 'reload', { user: 'root', pid: process.pid })).toBeUndefined();
    expect(book.entries).toMatchObject([
      {
        category: 'config',
        action: 'config_changed',
        user: 'root',
        pid: process.pid,
        data: {
          changes: [{ key: 'strict', from: false, to: true }],
          found: 'reload',
          file: { path: join(folder, 'config.toml'), mode: '0644' },
          asked_by: { pid: process.pid, uid: 0 },
        },
      },
    ]);
    expect(book.entries.map(blockProblem)).toEqual([undefined]);
  });

  it('that changed while no agent ran is told of at the start, with nobody', async () => {
    await (await open()).noteConfig({ ...strict, strict: false }, 'start');
    await (await open()).noteConfig(strict, 'start');
    expect(book.entries).toMatchObject([{ user: 'unknown', data: { found: 'start' } }]);
    expect(book.entries[0]?.data).not.toHaveProperty('asked_by');
  });

  it('has not changed when a new version knows more keys, unless one is not at its default', async () => {
    await (await open()).noteConfig({ strict: true }, 'start');
    await (await open()).noteConfig(strict, 'start');
    expect(book.entries).toEqual([]);
    await (await open()).noteConfig({ ...strict, 'producers.users': 'all' }, 'start');
    expect(book.entries).toHaveLength(1);
  });

  it('that could not be recorded is recorded with the next', async () => {
    const errors: unknown[] = [];
    const watch = await open({ onError: (error) => errors.push(error) });
    await watch.noteConfig({ ...strict, strict: false }, 'start');
    book.fails = true;
    expect(await watch.noteConfig(strict, 'reload')).toBeUndefined();
    book.fails = false;
    expect(errors).toHaveLength(1);
    expect(await watch.noteConfig(strict, 'reload')).toBe(1);
  });
});
