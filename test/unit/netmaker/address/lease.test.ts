// Promises about who gets which address.
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../../../src/core/lib/cidr.ts';
import { lease } from '../../../../src/netmaker/address/lease.ts';
import {
  EMPTY_LEASE_STATE,
  heldLeases,
  release,
  releaseAbsent,
  rename,
  withHeld,
} from '../../../../src/netmaker/address/lease-state.ts';
import type { Pool } from '../../../../src/netmaker/types.ts';
import { addresses, codeOf, given, id, MINUTE, NOW, POOL, POOL6, request } from './given.ts';

const range = (first: string, last = first) => ({
  family: parseIp(first)?.family ?? 4,
  first: parseIp(first)?.value ?? 0n,
  last: parseIp(last)?.value ?? 0n,
});
const pool4 = (subnet: string, gateway: string, prefix = Number(subnet.split('/')[1])): Pool => ({
  family: 4,
  subnet,
  gateway,
  prefix,
});

describe('a container without an address', () => {
  it('gets the lowest free host of each family', () => {
    expect(lease(given(1, 2), request(3, { pools: [POOL, POOL6] })).addresses).toEqual([
      { family: 4, address: '203.0.113.4', prefix: 24, gateway: '203.0.113.1' },
      { family: 6, address: '2001:db8::2', prefix: 64, gateway: '2001:db8::1' },
    ]);
  });

  it('is never given what is reserved or what somebody else uses', () => {
    const reserved = [range('203.0.113.3', '203.0.113.9'), range('203.0.113.0', '203.0.113.4')];
    const inUse = new Set(['203.0.113.10', '203.0.113.12', 'no address']);
    expect(addresses(EMPTY_LEASE_STATE, request(1, { reserved, inUse }))).toEqual(['203.0.113.11']);
  });

  it('gets one of the next pool when the first is full', () => {
    const pools = [pool4('198.51.100.0/30', '198.51.100.1'), POOL];
    const first = lease(EMPTY_LEASE_STATE, request(1, { pools }));
    expect(first.addresses[0]?.address).toBe('198.51.100.2');
    expect(addresses(first.state, request(2, { pools }))).toEqual(['203.0.113.2']);
  });

  it.each([
    [pool4('198.51.100.8/32', '169.254.51.1', 32), ['198.51.100.8']],
    [pool4('198.51.100.8/31', '169.254.51.1', 32), ['198.51.100.8', '198.51.100.9']],
    [pool4('198.51.100.8/31', '198.51.100.8'), ['198.51.100.9']],
    [pool4('198.51.100.8/30', '169.254.51.1', 32), ['198.51.100.9', '198.51.100.10']],
    [{ ...POOL6, subnet: '2001:db8::f/128', gateway: 'fe80::1', prefix: 128 } as const, ['2001:db8::f']],
    [
      { ...POOL6, subnet: '2001:db8::4/126', gateway: '2001:db8::5', prefix: 126 } as const,
      ['2001:db8::6', '2001:db8::7'],
    ],
  ])('gets hosts only, and is told when %j is used up', (pool, all) => {
    let state = EMPTY_LEASE_STATE;
    for (const [n, address] of all.entries()) {
      const next = lease(state, request(n, { pools: [pool] }));
      expect(next.addresses).toEqual([
        { family: pool.family, address, prefix: pool.prefix, gateway: pool.gateway },
      ]);
      state = next.state;
    }
    expect(codeOf(() => lease(state, request(99, { pools: [pool] })))).toBe('pool-exhausted');
    expect(codeOf(() => lease(state, request(0, { pools: [pool] })))).toBeUndefined();
  });

  it('finds one at once in the largest pool there is, behind everything that is taken', () => {
    const pool: Pool = { ...POOL6, subnet: '::/0', gateway: '::1', prefix: 128 };
    const asked = request(1, { pools: [pool], reserved: [range('::', '2001:db8::ff')] });
    expect(addresses(EMPTY_LEASE_STATE, asked)).toEqual(['2001:db8::100']);
  });

  it('is refused with a key or a name that the file could not hold', () => {
    for (const key of ['', 'abc', 'group:', 'group:a b', `${id(1)}0`, '__proto__']) {
      expect(codeOf(() => lease(EMPTY_LEASE_STATE, request(1, { key })))).toBe('bad-argument');
    }
    expect(codeOf(() => lease(EMPTY_LEASE_STATE, request(1, { name: 'a\nb' })))).toBe('bad-argument');
    expect(codeOf(() => lease(EMPTY_LEASE_STATE, request(1, { key: 'group:mesh' })))).toBeUndefined();
  });
});

describe('a container that comes back', () => {
  it('keeps what it has, also when that is seen in use', () => {
    const state = given(1, 2);
    const requeueAfterMs = lease(state, request(1, { inUse: new Set(['203.0.113.2']) }));
    expect(requeueAfterMs.addresses[0]?.address).toBe('203.0.113.2');
    expect(requeueAfterMs.state).toBe(state);
  });

  it('has its address again under its name, within the cool-down and long after', () => {
    const state = release(given(1, 2), id(1), NOW);
    for (const later of [0, MINUTE, 1e6 * MINUTE]) {
      expect(addresses(state, request(7, { name: 'c1', now: NOW + later }))).toEqual(['203.0.113.2']);
    }
  });

  it('gets another one when somebody else has taken its own meanwhile', () => {
    const state = release(given(1), id(1), NOW);
    const inUse = new Set(['203.0.113.2']);
    expect(addresses(state, request(7, { name: 'c1', inUse }))).toEqual(['203.0.113.3']);
  });

  it('gets another one while its predecessor of the same name still lives', () => {
    const { state } = lease(given(1), request(2, { name: 'c1' }));
    expect([...heldLeases(state).values()].map(({ addresses: [a] }) => a?.address)).toEqual([
      '203.0.113.2',
      '203.0.113.3',
    ]);
  });

  it('gives up an address outside of the pools, which then rests', () => {
    const pools = [pool4('198.51.100.0/24', '198.51.100.1')];
    const { state } = lease(given(1), request(1, { pools }));
    expect(heldLeases(state).get(id(1))?.addresses).toEqual([
      { family: 4, address: '198.51.100.2', static: false },
    ]);
    expect(addresses(state, request(2))).toEqual(['203.0.113.3']);
  });

  it('is not mixed up with a fail-over group of its name', () => {
    const asked = request(1, { key: 'group:c1', name: 'c1' });
    const state = release(lease(EMPTY_LEASE_STATE, asked).state, 'group:c1', NOW);
    expect(addresses(state, request(1))).toEqual(['203.0.113.3']);
    expect(addresses(state, asked)).toEqual(['203.0.113.2']);
  });
});

describe('a released address', () => {
  const tiny = { pools: [pool4('198.51.100.0/29', '198.51.100.1')] };
  const full = [1, 2, 3, 4, 5].reduce((state, n) => lease(state, request(n, tiny)).state, EMPTY_LEASE_STATE);

  it('is nobody else’s during the cool-down, whatever the clock says', () => {
    const state = release(full, id(2), NOW);
    for (const now of [NOW, NOW + 5 * MINUTE - 1, 0]) {
      expect(codeOf(() => lease(state, request(9, { ...tiny, now })))).toBe('pool-exhausted');
    }
    expect(addresses(state, request(9, { ...tiny, now: NOW + 5 * MINUTE }))).toEqual(['198.51.100.3']);
  });

  it('is given to another name only when nothing else is free, the longest released first', () => {
    const later = NOW + 60 * MINUTE;
    expect(addresses(release(given(1), id(1), NOW), request(9, { now: later }))).toEqual(['203.0.113.3']);
    const state = release(release(full, id(4), NOW), id(2), NOW + 1);
    expect(addresses(state, request(9, { ...tiny, now: later }))).toEqual(['198.51.100.5']);
  });

  it('is not given when it has become the gateway, reserved or is in use', () => {
    const state = release(full, id(2), NOW);
    const now = NOW + 60 * MINUTE;
    const moved = { pools: [pool4('198.51.100.0/29', '198.51.100.3')], reserved: [range('198.51.100.1')] };
    for (const more of [moved, { reserved: [range('198.51.100.3')] }, { inUse: new Set(['198.51.100.3']) }]) {
      expect(codeOf(() => lease(state, request(9, { ...tiny, now, ...more })))).toBe('pool-exhausted');
    }
  });

  it('is remembered, but not of more than 1024', () => {
    const wide = { pools: [pool4('10.0.0.0/8', '10.0.0.1')] };
    const entry = { name: 'b', static: false, leasedAt: 0, misses: 0 };
    const leases = Array.from({ length: 1024 }, (_, n) => [
      `10.1.${n >> 8}.${n & 255}`,
      { ...entry, key: id(n + 10), releasedAt: n },
    ]);
    const { state } = lease({ version: 1, leases: Object.fromEntries(leases) }, request(1, wide));
    const after = release(state, id(1), NOW);
    expect(Object.keys(after.leases)).toHaveLength(1024);
    expect(after.leases['10.1.0.0']).toBeUndefined();
    expect(after.leases['10.0.0.2']).toBeDefined();
  });
});

describe('an address by label', () => {
  const want = (address: string, more = {}) => request(9, { requested: { 4: address }, ...more });

  it('is given, also a reserved one, also one that cools down, and is marked', () => {
    const reserved = [range('203.0.113.0', '203.0.113.99')];
    const { state } = lease(release(given(1), id(1), NOW), want('203.0.113.2', { reserved }));
    expect(state.leases['203.0.113.2']).toMatchObject({ key: id(9), static: true, releasedAt: null });
    expect(addresses(state, request(8, { name: 'c1' }))).toEqual(['203.0.113.3']);
  });

  it('lets the one that the container had before rest', () => {
    const { state } = lease(given(9), want('203.0.113.77'));
    expect(heldLeases(state).get(id(9))?.addresses).toEqual([
      { family: 4, address: '203.0.113.77', static: true },
    ]);
    expect(state.leases['203.0.113.2']?.releasedAt).toBe(NOW);
  });

  it.each([
    ['203.0.113.2', 'address-taken'],
    ['203.0.113.1', 'address-taken'],
    ['203.0.113.50', 'address-taken'],
    ['203.0.113.0', 'address-outside-pool'],
    ['203.0.113.255', 'address-outside-pool'],
    ['203.0.114.2', 'address-outside-pool'],
    ['2001:db8::2', 'bad-argument'],
    ['203.0.113.9/24', 'bad-argument'],
    ['', 'bad-argument'],
  ])('%j is refused: %s', (address, code) => {
    const inUse = new Set(['203.0.113.50']);
    expect(codeOf(() => lease(given(1), want(address, { inUse })))).toBe(code);
  });

  it('of a family without a pool is refused', () => {
    expect(codeOf(() => lease(EMPTY_LEASE_STATE, request(1, { requested: { 6: '2001:db8::5' } })))).toBe(
      'address-outside-pool',
    );
  });

  it('may be the first or last of a pool whose containers get /32', () => {
    const pools = [pool4('198.51.100.0/29', '169.254.51.1', 32)];
    expect(addresses(EMPTY_LEASE_STATE, want('198.51.100.7', { pools }))).toEqual(['198.51.100.7']);
  });

  it('that was written in another way is the same address', () => {
    const asked = request(1, { pools: [POOL6], requested: { 6: '2001:DB8:0:0::00aa' } });
    expect(addresses(EMPTY_LEASE_STATE, asked)).toEqual(['2001:db8::aa']);
  });
});

describe('renaming', () => {
  it('keeps the address under the new name', () => {
    const state = release(rename(given(1), id(1), 'new'), id(1), NOW);
    expect(addresses(state, request(7, { name: 'new' }))).toEqual(['203.0.113.2']);
    expect(addresses(state, request(7, { name: 'c1' }))).toEqual(['203.0.113.3']);
    expect(rename(state, id(5), 'x')).toBe(state);
  });
});

describe('a look', () => {
  const ask = (known: number[], present: number[]) => ({
    known: new Set(known.map(id)),
    present: new Set(present.map(id)),
    now: NOW,
    misses: 3,
  });

  it('releases after three in a row that miss a container, and begins again when one finds it', () => {
    let { state } = releaseAbsent(given(1, 2), ask([1, 2], [2]));
    state = releaseAbsent(state, ask([1, 2], [2])).state;
    const back = releaseAbsent(state, ask([1, 2], [1, 2])).state;
    expect(heldLeases(back).get(id(1))?.misses).toBe(0);
    const third = releaseAbsent(state, ask([1, 2], [2]));
    expect(third.released).toEqual([id(1)]);
    expect([...heldLeases(third.state).keys()]).toEqual([id(2)]);
    expect(third.state.leases['203.0.113.2']).toMatchObject({ releasedAt: NOW, misses: 0 });
  });

  it('does not count a container that was leased after the reservations were read', () => {
    const state = given(1, 2);
    expect(releaseAbsent(state, { ...ask([2], [2]), misses: 1 })).toEqual({ released: [], state });
  });
});

describe('what ports say', () => {
  it('fills in what was lost, and takes nothing from those that the state knows', () => {
    const held = [
      { key: id(1), name: 'c1', addresses: ['203.0.113.2/24', '2001:db8::2'] },
      { key: id(3), name: 'c3', addresses: ['203.0.113.2'] },
      { key: 'nonsense', name: 'c4', addresses: ['203.0.113.9'] },
      { key: id(5), name: 'c 5', addresses: ['203.0.113.9'] },
      { key: id(6), name: 'c6', addresses: ['garbage', '203.0.113.6', '203.0.113.7'] },
    ];
    const leases = heldLeases(withHeld(EMPTY_LEASE_STATE, held, NOW));
    expect([...leases].map(([key, { addresses: all }]) => [key, all.map(({ address }) => address)])).toEqual([
      [id(1), ['203.0.113.2', '2001:db8::2']],
      [id(6), ['203.0.113.6']],
    ]);
    const known = given(1, 2);
    expect(
      withHeld(known, [{ key: id(2), name: 'c2', addresses: ['203.0.113.2', '203.0.113.9'] }], NOW),
    ).toBe(known);
  });
});
