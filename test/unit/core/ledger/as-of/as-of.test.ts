import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differences } from '../../../../../src/core/ledger/as-of/diff.ts';
import { stateAt } from '../../../../../src/core/ledger/as-of/read-state.ts';
import { STATE_ACTIONS, takeIn } from '../../../../../src/core/ledger/as-of/reduce.ts';
import { emptyState, type StateThen, stateJson } from '../../../../../src/core/ledger/as-of/state.ts';
import type { HashedBlock } from '../../../../../src/core/ledger/index.ts';
import { updateIndex } from '../../../../../src/core/ledger/index-files/update.ts';
import { block } from '../../../cli/fake.ts';
import { linesOf, placeLedger, START, type Timed } from '../query/ledgers.ts';

type Told = [action: string, data?: HashedBlock['data'], kind?: string];

function stateOf(...told: Told[]): StateThen {
  const state = emptyState();
  for (const [at, [action, data = {}, kind = 'outcome']] of told.entries())
    takeIn(state, block({ action, data, height: at + 1, metadata: { kind } }));
  return state;
}

const web = {
  port: 'vi101',
  interface: 'tap101i0',
  bridge: 'ovsbr0',
  vmid: 101,
  guest: 'web',
  runtime: 'proxmox-qemu',
};
const attached: Told = ['port_attached', { ...web, driver: 'ovsdb', ofport: 3, attempts: 1, ms: 80 }];
const portNames = (state: StateThen) => [...state.ports.keys()];

describe('the host as the blocks say it was', () => {
  it('has a port from its outcome on, not from its intent', () => {
    expect(portNames(stateOf(['port_attach', web, 'intent']))).toEqual([]);
    expect(portNames(stateOf(['port_attach', web, 'intent'], ['port_attach_failed', web]))).toEqual([]);
    const { ports } = stateOf(attached);
    expect(ports.get('vi101')).toEqual({
      ...web,
      driver: 'ovsdb',
      ofport: 3,
      mac: null,
      addresses: [],
      rules: null,
      held: null,
      since: 1,
      at: expect.any(String),
    });
  });

  it.each([
    ['port_detached', { port: 'vi101' }],
    ['port_released', { port: 'vi101' }],
    ['port_gone', { port: 'vi101' }],
    ['port_handed_back', { ...web, former_port: 'tap101i0' }],
    ['port_handed_back', { ports: [{ port: 'vi9' }, { port: 'vi101' }] }],
    ['port_attach_interrupted', { ...web, present_now: false }],
    ['port_detach_interrupted', { ...web, present_now: false }],
  ])('has it no more after %s', (action, data) => {
    expect(portNames(stateOf(attached, [action, data]))).toEqual([]);
  });

  it.each([
    ['port_detach_failed', web],
    ['port_detach', web],
    ['port_detach_interrupted', { ...web, present_now: true }],
    ['port_detach_interrupted', web],
    ['port_guarded', { port: 'vi102' }],
  ])('has it still after %s', (action, data) => {
    expect(portNames(stateOf(attached, [action, data, 'outcome']))).toEqual(['vi101']);
  });

  it('has one whose outcome was missed', () => {
    for (const action of ['port_found', 'port_adopted', 'port_marked'])
      expect(portNames(stateOf([action, web]))).toEqual(['vi101']);
    expect(portNames(stateOf(['port_adopt_interrupted', { ...web, present_now: true }]))).toEqual(['vi101']);
    expect(portNames(stateOf(['port_attached', {}]))).toEqual([]);
  });

  it('knows what was set on a link, before and after it is a port, until it is gone', () => {
    const made: Told[] = [
      ['interface_created', { ...web, mac: '02:00:00:00:00:01' }],
      attached,
      ['interface_configured', { ...web, addresses: ['10.0.0.2/24'] }],
    ];
    expect(stateOf(...made).ports.get('vi101')).toMatchObject({
      mac: '02:00:00:00:00:01',
      addresses: ['10.0.0.2/24'],
      since: 2,
    });
    expect(stateOf(...made, ['port_gone', web], attached).ports.get('vi101')).toMatchObject({
      mac: null,
      addresses: [],
      since: 5,
    });
    expect(stateOf(['interface_created', {}]).links.size).toBe(0);
  });

  it('knows what holds a port, and its rules', () => {
    const rules = { mac: 'aa', addresses: ['1.2.3.4'], isolate: true, allow_in: ['tcp/80'], rate_in: 5 };
    const guarded = stateOf(attached, ['port_guarded', { ...web, ...rules }]);
    expect(guarded.ports.get('vi101')).toMatchObject({ mac: 'aa', rules: { ...rules, rate_out: null } });
    expect(
      stateOf(attached, ['port_guarded', web], ['port_unguarded', web]).ports.get('vi101')?.rules,
    ).toBeNull();
    const held = stateOf(attached, ['port_held', { ...web, reason: 'no bridge' }]);
    expect(held.ports.get('vi101')?.held).toBe('no bridge');
    expect(
      stateOf(attached, ['port_held', { ...web, reason: 'x' }], attached).ports.get('vi101')?.held,
    ).toBeNull();
  });

  it('knows who has an address, and since when', () => {
    const has = (guest: string, port: string): Told => [
      'address_announced',
      { guest, port, group: 'g', addresses: ['1.2.3.4'] },
    ];
    const lease = (...told: Told[]) => stateOf(...told).leases.get('1.2.3.4');
    expect(lease(has('a', 'vi1'), has('a', 'vi1'))).toMatchObject({
      guest: 'a',
      port: 'vi1',
      group: 'g',
      since: 1,
    });
    const moved: Told = ['address_moved', { group: 'g', addresses: ['1.2.3.4'], from: 'a', to: 'web' }];
    expect(lease(attached, has('a', 'vi1'), moved)).toMatchObject({ guest: 'web', port: 'vi101', since: 3 });
    expect(lease(has('a', 'vi1'), moved)).toMatchObject({ guest: 'web', port: null });
    const nobody: Told = ['address_moved', { group: 'g', addresses: ['1.2.3.4'], from: 'a', to: null }];
    expect(lease(has('a', 'vi1'), nobody)).toBeUndefined();
    expect(lease(has('a', 'vi1'), ['lease_released', { key: 'group:g' }])).toBeUndefined();
    expect(lease(has('a', 'vi1'), ['lease_released', { key: 'group:h' }])).toBeDefined();
    const start: Told = ['guest_start', { container_id: 'abc', name: 'a' }];
    expect(lease(start, has('a', 'vi1'), ['lease_released', { key: 'docker:abc' }])).toBeUndefined();
    expect(lease(start, has('b', 'vi1'), ['lease_released', { key: 'abc' }])).toBeDefined();
    expect(lease(has('b', 'vi1'), ['lease_released', {}])).toBeDefined();
  });

  it('knows bridges, gateways and the agent', () => {
    const made: Told[] = [
      ['bridge_created', { bridge: 'ovsbr0', driver: 'ovsdb' }],
      ['bridge_restored', { bridge: 'ovsbr0', addresses: [] }],
      ['bridge_create_interrupted', { bridge: 'ovsbr1', present_now: true }],
      ['bridge_created', { bridge: 'ovsbr2' }],
      ['bridge_create_interrupted', { bridge: 'ovsbr2', present_now: false }],
      ['bridge_created', {}],
      ['gateway_set', { bridge: 'ovsbr0', mode: 'nat', published: ['a'], changes: [] }],
      ['gateway_set', {}],
      ['agent_started', { version: '1.0' }],
      ['agent_stopped', { reason: 'SIGTERM' }],
    ];
    expect(stateJson(stateOf(...made))).toMatchObject({
      height: 10,
      agent: { running: false, version: '1.0', since: 10 },
      bridges: [
        { bridge: 'ovsbr0', driver: 'ovsdb', since: 1 },
        { bridge: 'ovsbr1', driver: null, since: 3 },
      ],
      gateways: [{ bridge: 'ovsbr0', mode: 'nat', published: ['a'] }],
    });
    expect(stateOf(...made, ['gateway_closed', { bridge: 'ovsbr0' }]).gateways.size).toBe(0);
  });

  it('is built from any data whatever, without harm', () => {
    const any = fc.oneof(
      fc.jsonValue(),
      fc.record({ port: fc.constantFrom('vi1', 'vi2'), present_now: fc.boolean(), to: fc.jsonValue() }),
    );
    const told = fc.tuple(fc.constantFrom(...STATE_ACTIONS, '__proto__', 'toString'), any);
    fc.assert(
      fc.property(fc.array(told, { maxLength: 30 }), (all) => {
        const state = stateOf(...all.map(([action, data]): Told => [action, data as HashedBlock['data']]));
        expect(state.height).toBe(all.length);
        expect(differences(state, state)).toEqual([]);
        expect(JSON.parse(JSON.stringify(stateJson(state)))).toEqual(stateJson(state));
      }),
    );
  });
});

const ports = ['vi100', 'vi101', 'vi102i1'];
const done = fc.record({
  port: fc.constantFrom(...ports),
  action: fc.constantFrom(
    'port_attached',
    'port_adopted',
    'port_detached',
    'port_gone',
    'port_held',
    'noted',
  ),
  bridge: fc.constantFrom('ovsbr0', 'ovsbr1'),
});
const entriesOf = (all: { port: string; action: string; bridge: string }[]): Timed[] =>
  all.map(({ action, ...data }) => ({ category: 'port', action, data }));

describe('the host at a moment of a ledger', () => {
  it('has the ports that were made and not taken away: as a set of names says, at each height, with an index or without', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(done, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.nat(),
        fc.boolean(),
        async (all, cut, isIndexed) => {
          using place = placeLedger(linesOf(entriesOf(all)), [cut % 40]);
          if (isIndexed) await updateIndex(place.path, { runBlocks: 5 });
          const there = new Set<string>();
          for (const [at, { port, action }] of all.entries()) {
            if (/attached|adopted/.test(action)) there.add(port);
            if (/detached|gone/.test(action)) there.delete(port);
            if (at % 7 !== cut % 7) continue;
            const state = await stateAt(place.path, { height: at + 1 });
            expect([...(state?.ports.keys() ?? [])].sort()).toEqual([...there].sort());
            expect(state?.height).toBe(at + 1);
            const byTime = await stateAt(place.path, { time: START + 1000 * at + 999 });
            expect(byTime && stateJson(byTime)).toEqual(state && stateJson(state));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is none before the first block, or above the last', async () => {
    using place = placeLedger(linesOf(entriesOf([{ port: 'vi1', action: 'noted', bridge: 'b' }])));
    expect(await stateAt(place.path, { height: 2 })).toBeUndefined();
    expect(await stateAt(place.path, { time: START - 1 })).toBeUndefined();
    expect(await stateAt(place.path, { time: START })).toMatchObject({ height: 1 });
  });

  it('is that of the last block that had been written by then, where clocks jump', async () => {
    const times = [0, 5000, 1000, 9000, 2000, 99_000, 98_000, 97_000];
    const lines = linesOf(
      times.map((ms, n) => ({ category: 'port', action: 'x', data: { n }, at: START + ms })),
    );
    using place = placeLedger(lines);
    for (const isIndexed of [false, true]) {
      if (isIndexed) await updateIndex(place.path, { runBlocks: 2 });
      const heightAt = async (ms: number) => (await stateAt(place.path, { time: START + ms }))?.height;
      expect(await heightAt(3000)).toBe(5);
      expect(await heightAt(1500)).toBe(3);
      expect(await heightAt(500)).toBe(1);
      expect(await heightAt(97_500)).toBe(8);
    }
  });
});

describe('what is different between two moments', () => {
  it('is what came, what went, and what changed', () => {
    const before = stateOf(
      attached,
      ['bridge_created', { bridge: 'old' }],
      ['agent_started', { version: '1' }],
    );
    const later = stateOf(
      ['port_attached', { ...web, bridge: 'ovsbr1' }],
      ['port_attached', { port: 'vi102' }],
      ['agent_started', { version: '2' }],
    );
    expect(differences(before, later)).toMatchObject([
      { what: 'agent', name: 'agent', fields: ['version'] },
      { what: 'bridge', name: 'old', before: { bridge: 'old' }, fields: [] },
      { what: 'port', name: 'vi101', fields: ['bridge', 'driver', 'ofport'] },
      { what: 'port', name: 'vi102', after: { port: 'vi102' }, fields: [] },
    ]);
    expect(differences(emptyState(), emptyState())).toEqual([]);
  });
});
