// Laws of leases, whatever the order of things.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../../../src/core/lib/cidr.ts';
import { isAgentError } from '../../../../src/core/lib/errors.ts';
import { hostProblem, inRanges, poolOf } from '../../../../src/netmaker/address/address-space.ts';
import { lease } from '../../../../src/netmaker/address/lease.ts';
import {
  EMPTY_LEASE_STATE,
  heldLeases,
  type LeaseState,
  leaseStateSchema,
  release,
  releaseAbsent,
  rename,
} from '../../../../src/netmaker/address/lease-state.ts';
import type { Pool } from '../../../../src/netmaker/types.ts';
import { id, MINUTE, NOW, request } from './given.ts';

const COOLDOWN = 5 * MINUTE;
const all: Pool[] = [
  { family: 4, subnet: '203.0.113.0/29', gateway: '203.0.113.1', prefix: 29 },
  { family: 4, subnet: '198.51.100.4/31', gateway: '169.254.51.1', prefix: 32 },
  { family: 6, subnet: '2001:db8::/125', gateway: '2001:db8::1', prefix: 125 },
];
const reserved = [
  {
    family: 4 as const,
    first: parseIp('203.0.113.3')?.value ?? 0n,
    last: parseIp('203.0.113.4')?.value ?? 0n,
  },
  {
    family: 6 as const,
    first: parseIp('2001:db8::2')?.value ?? 0n,
    last: parseIp('2001:db8::2')?.value ?? 0n,
  },
];

const number = fc.nat(9);
const keys = fc.uniqueArray(number, { maxLength: 8 });
const step = fc.record({
  act: fc.constantFrom('claim', 'claim', 'claim', 'claim', 'release', 'release', 'rename', 'look', 'restart'),
  n: number,
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', '__proto__'),
  requested: fc.option(fc.nat(9), { nil: undefined, freq: 4 }),
  inUse: fc.oneof(fc.constant<number[]>([]), fc.uniqueArray(fc.nat(9), { maxLength: 2 })),
  pools: fc.subarray(all, { minLength: 1 }),
  known: keys,
  present: keys,
  wait: fc.constantFrom(0, 0, 0, MINUTE, MINUTE, COOLDOWN, 2 * COOLDOWN, -MINUTE),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One step of a life; checks what a claim must keep. */
function live(state: LeaseState, now: number, step: Step): LeaseState {
  const key = id(step.n);
  if (step.act === 'release') return release(state, key, now);
  if (step.act === 'rename') return rename(state, key, step.name);
  if (step.act === 'restart') return leaseStateSchema.parse(JSON.parse(JSON.stringify(state)));
  if (step.act === 'look') {
    const [known, present] = [new Set(step.known.map(id)), new Set(step.present.map(id))];
    const done = releaseAbsent(state, { known, present, now, misses: 2 });
    for (const gone of done.released) expect(known.has(gone) && !present.has(gone)).toBe(true);
    return done.state;
  }
  const asked = request(step.n, {
    name: step.name,
    pools: step.pools,
    reserved,
    inUse: new Set(step.inUse.map((n) => `203.0.113.${n}`)),
    requested: step.requested === undefined ? {} : { 4: `203.0.113.${step.requested}` },
    now,
    cooldownMs: COOLDOWN,
  });
  try {
    const got = lease(state, asked);
    checkClaim(state, asked, got);
    return got.state;
  } catch (error) {
    const told = ['pool-exhausted', 'address-taken', 'address-outside-pool'] as const;
    if (!told.some((code) => isAgentError(error, code))) throw error;
    return state;
  }
}

function checkClaim(
  state: LeaseState,
  asked: ReturnType<typeof request>,
  got: ReturnType<typeof lease>,
): void {
  expect(lease(got.state, asked)).toEqual(got);
  expect(
    heldLeases(got.state)
      .get(asked.key)
      ?.addresses.map(({ address }) => address),
  ).toEqual(expect.arrayContaining(got.addresses.map(({ address }) => address)));
  expect(got.addresses.map(({ family }) => family)).toEqual([
    ...new Set(asked.pools.map(({ family }) => family)),
  ]);
  for (const { family, address, gateway, prefix } of got.addresses) {
    const parsed = parseIp(address);
    const pool = parsed && poolOf(asked.pools, parsed);
    expect(pool).toMatchObject({ gateway, prefix, family });
    if (parsed === undefined || pool === undefined) continue;
    expect(asked.pools.some((each) => each.gateway === address)).toBe(false);
    expect(hostProblem(parsed, pool)).toBeUndefined();
    const before = state.leases[address];
    const byLabel = family === 4 && asked.requested[4] !== undefined;
    if (byLabel) expect(address).toBe(asked.requested[4]);
    else expect(inRanges(reserved, parsed)).toBe(false);
    if (before?.releasedAt === null) expect(before.key).toBe(asked.key);
    else expect(asked.inUse.has(address)).toBe(false);
    if (!byLabel && before && before.releasedAt !== null && asked.now - before.releasedAt < COOLDOWN) {
      expect(before.key === asked.key || before.name === asked.name).toBe(true);
    }
  }
}

describe('whatever happens', () => {
  it('no two have one address, none is reserved, none comes back too early, and the file holds it all', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        let state = EMPTY_LEASE_STATE;
        let now = NOW;
        for (const each of steps) {
          now += each.wait;
          state = live(state, now, each);
          const held = [...heldLeases(state).values()];
          const texts = held.flatMap(({ addresses }) => addresses.map(({ address }) => address));
          expect(new Set(texts).size).toBe(texts.length);
          for (const { addresses } of held) {
            expect(new Set(addresses.map(({ family }) => family)).size).toBe(addresses.length);
          }
        }
        expect(leaseStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
      }),
      { numRuns: 150 },
    );
  });

  it('a container made anew at once under its name has the addresses of the one before', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const state = steps.reduce((before, each) => live(before, NOW, each), EMPTY_LEASE_STATE);
        const asked = (n: number) =>
          request(n, { name: 'fresh', pools: all, reserved, cooldownMs: COOLDOWN });
        let first: ReturnType<typeof lease>;
        try {
          first = lease(state, asked(100));
        } catch (error) {
          return isAgentError(error, 'pool-exhausted');
        }
        const others = steps
          .filter(({ requested: wanted }) => wanted === undefined)
          .reduce((before, each) => live(before, NOW, each), release(first.state, id(100), NOW));
        expect(lease(others, asked(101)).addresses).toEqual(first.addresses);
        return true;
      }),
      { numRuns: 200 },
    );
  });
});
