// Laws of VMID allocation.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AllocationRequest,
  allocate,
  allocatedVmid,
  allocationName,
  EMPTY_VMID_STATE,
  release,
  renameAllocation,
  type VmidState,
  vmidStateSchema,
} from '../../../../src/core/guest/vmid-allocation.ts';
import { isAgentError } from '../../../../src/core/lib/errors.ts';

const HOUR = 3_600_000;

function request(name: string, more: Partial<AllocationRequest> = {}): AllocationRequest {
  return { name, taken: new Set(), now: 10 * HOUR, range: [1000, 1009], cooldownMs: HOUR, ...more };
}

/** The state after the names were allocated in this order. */
function given(...names: string[]): VmidState {
  return names.reduce((state, name) => allocate(state, request(name)).state, EMPTY_VMID_STATE);
}

function code(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return isAgentError(error) ? error.code : 'not an AgentError';
  }
  return undefined;
}

describe('a container without a VMID', () => {
  it('gets the lowest free one', () => {
    expect(allocate(given('docker:a', 'docker:b'), request('docker:c')).vmid).toBe(1002);
  });

  it('keeps it over docker rm and docker run of the same name, also within the cool-down and long after', () => {
    for (const later of [0, HOUR / 2, 1000 * HOUR]) {
      const released = release(given('docker:x', 'docker:a'), { name: 'docker:a', now: 10 * HOUR });
      expect(allocatedVmid(released, 'docker:a')).toBeUndefined();
      expect(allocate(released, request('docker:a', { now: 10 * HOUR + later })).vmid).toBe(1001);
    }
  });

  it('is another one than a container of that name under another runtime', () => {
    const { state, vmid } = allocate(
      given(allocationName('docker', 'web')),
      request(allocationName('lxc', 'web')),
    );
    expect(vmid).toBe(1001);
    expect(allocatedVmid(state, 'docker:web')).toBe(1000);
  });

  it('never gets one that a Proxmox guest or a live port has', () => {
    expect(allocate(EMPTY_VMID_STATE, request('docker:a', { taken: new Set([1000, 1001]) })).vmid).toBe(1002);
  });

  it('gets a new one when Proxmox has given its own away meanwhile', () => {
    expect(allocate(given('docker:a'), request('docker:a', { taken: new Set([1000]) })).vmid).toBe(1001);
  });

  it('gets a released one only after the cool-down', () => {
    const state = release(given('docker:a'), { name: 'docker:a', now: 10 * HOUR });
    expect(allocate(state, request('docker:b', { now: 11 * HOUR - 1 })).vmid).toBe(1001);
    expect(allocate(state, request('docker:b', { now: 11 * HOUR })).vmid).toBe(1000);
    expect(allocate(state, request('docker:b', { now: 0 })).vmid).toBe(1001);
  });

  it('gets the one released longest ago when all others are in use or cool down: better than no port', () => {
    const tiny: Partial<AllocationRequest> = { range: [1000, 1001] };
    const both = release(release(given('lxc:a', 'lxc:b'), { name: 'lxc:b', now: 10 * HOUR }), {
      name: 'lxc:a',
      now: 10 * HOUR + 1,
    });
    const third = allocate(both, request('lxc:c', tiny));
    expect(third.vmid).toBe(1001);
    expect(allocate(third.state, request('lxc:d', tiny)).vmid).toBe(1000);
    expect(allocate(both, request('lxc:c', { ...tiny, taken: new Set([1001]) })).vmid).toBe(1000);
    const all = allocate(third.state, request('lxc:d', tiny)).state;
    expect(code(() => allocate(all, request('lxc:e', tiny)))).toBe('vmid-exhausted');
  });

  it('is told when the range is used up', () => {
    expect(code(() => allocate(given('a:1', 'a:2'), request('a:3', { range: [1000, 1001] })))).toBe(
      'vmid-exhausted',
    );
    expect(code(() => allocate(EMPTY_VMID_STATE, request('a:3', { range: [5, 4] })))).toBe('vmid-exhausted');
  });

  it('may carry any name', () => {
    const { state, vmid } = allocate(EMPTY_VMID_STATE, request('__proto__'));
    expect(allocatedVmid(state, '__proto__')).toBe(vmid);
    expect(allocatedVmid(EMPTY_VMID_STATE, 'constructor')).toBeUndefined();
  });
});

describe('a container with a wanted VMID', () => {
  it('gets that one, also outside of the range', () => {
    expect(allocate(EMPTY_VMID_STATE, request('docker:a', { requested: 300 })).vmid).toBe(300);
    expect(allocate(given('docker:a'), request('docker:a', { requested: 300 })).vmid).toBe(300);
  });

  it('is refused one that lives elsewhere', () => {
    expect(code(() => allocate(given('docker:a'), request('docker:b', { requested: 1000 })))).toBe(
      'name-taken',
    );
    expect(
      code(() => allocate(EMPTY_VMID_STATE, request('docker:b', { requested: 300, taken: new Set([300]) }))),
    ).toBe('name-taken');
  });

  it('takes one over that another name only remembers', () => {
    const state = release(given('docker:a'), { name: 'docker:a', now: 10 * HOUR });
    const taken = allocate(state, request('docker:b', { requested: 1000 })).state;
    expect(allocate(taken, request('docker:a')).vmid).toBe(1001);
  });

  it('is refused what is no VMID', () => {
    for (const wanted of [0, 99, 2 ** 32, 100.5, Number.NaN]) {
      expect(code(() => allocate(EMPTY_VMID_STATE, request('docker:a', { requested: wanted })))).toBe(
        'bad-argument',
      );
    }
  });
});

describe('renaming', () => {
  it('moves the number to the new name', () => {
    const state = renameAllocation(given('docker:a'), { from: 'docker:a', to: 'docker:b' });
    expect(allocate(state, request('docker:b')).vmid).toBe(1000);
    expect(allocate(state, request('docker:a')).vmid).toBe(1001);
  });

  it('never takes the number of a living guest', () => {
    const state = given('docker:a', 'docker:b');
    expect(renameAllocation(state, { from: 'docker:a', to: 'docker:b' })).toBe(state);
    expect(renameAllocation(state, { from: 'docker:none', to: 'docker:b' })).toBe(state);
  });
});

describe('whatever happens', () => {
  const names = fc.constantFrom('docker:a', 'docker:b', 'docker:c', 'lxc:a', 'lxc:b', '__proto__');
  const step = fc.record({
    act: fc.constantFrom('allocate', 'release', 'rename'),
    name: names,
    to: names,
    requested: fc.option(fc.integer({ min: 998, max: 1006 }), { nil: undefined }),
    taken: fc.uniqueArray(fc.integer({ min: 998, max: 1006 }), { maxLength: 4 }),
    wait: fc.integer({ min: -HOUR, max: 2 * HOUR }),
  });

  it('no two living names share a number, none is taken, and the same name asks in vain for nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let state = EMPTY_VMID_STATE;
        let now = 10 * HOUR;
        for (const { act, name, to, requested: wanted, taken, wait } of steps) {
          now += wait;
          if (act === 'release') state = release(state, { name, now });
          else if (act === 'rename') state = renameAllocation(state, { from: name, to });
          else {
            const ask = request(name, {
              taken: new Set(taken),
              now,
              range: [1000, 1006],
              ...(wanted !== undefined && { requested: wanted }),
            });
            try {
              const first = allocate(state, ask);
              expect(ask.taken.has(first.vmid)).toBe(false);
              if (wanted !== undefined) expect(first.vmid).toBe(wanted);
              expect(allocate(first.state, ask)).toEqual(first);
              const requeueAfterMs = allocate(release(first.state, { name, now }), request(name, { now }));
              expect(requeueAfterMs.vmid).toBe(first.vmid);
              state = first.state;
            } catch (error) {
              if (!isAgentError(error, 'vmid-exhausted') && !isAgentError(error, 'name-taken')) throw error;
            }
          }
          const live = Object.values(state.allocations).filter((held) => held.releasedAt === null);
          expect(new Set(live.map((held) => held.vmid)).size).toBe(live.length);
        }
        const stored = vmidStateSchema.safeParse(JSON.parse(JSON.stringify({ ...state })));
        expect(stored.success).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('the memory of released names stays bounded', () => {
    const names = Array.from({ length: 4096 }, (_, i) => `docker:build-${i}`);
    const allocations = names.map((name, i) => [name, { vmid: 1_000_000 + i, releasedAt: i }] as const);
    const full: VmidState = { version: 1, allocations: Object.fromEntries(allocations) };
    const wide: Partial<AllocationRequest> = { range: [1_000_000, 1_999_999], now: 5000 };
    const state = release(allocate(full, request('docker:new', wide)).state, {
      name: 'docker:new',
      now: 5000,
    });
    expect(Object.keys(state.allocations)).toHaveLength(4096);
    expect(state.allocations['docker:build-0']).toBeUndefined();
    expect(state.allocations['docker:new']).toBeDefined();
  });
});
