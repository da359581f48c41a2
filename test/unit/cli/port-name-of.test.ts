import { describe, expect, it } from 'vitest';
import { type NameQuestion, portNameOf } from '../../../src/cli/port-name-of.ts';
import type { VmidState } from '../../../src/core/guest/vmid-allocation.ts';

const state: VmidState = {
  version: 1,
  allocations: {
    'docker:web': { vmid: 1_000_005, releasedAt: null },
    'docker:both': { vmid: 1_000_006, releasedAt: null },
    'lxc:both': { vmid: 1_000_007, releasedAt: null },
    'lxc:gone': { vmid: 1_000_008, releasedAt: 1 },
  },
};

function ask(container: string, more: Partial<NameQuestion> = {}) {
  const range = [1_000_000, 1_999_999] as const;
  return portNameOf({
    container,
    nic: 0,
    state,
    holders: [],
    taken: [],
    now: 10,
    range,
    cooldownMs: 1000,
    ...more,
  });
}

describe('the port name of a container', () => {
  it('is its VMID when the name is one', () => {
    expect(ask('101', { nic: 2 })).toMatchObject({ port: 'vi101i2', vmid: 101, state: 'own' });
  });

  it('is the one it has', () => {
    expect(ask('web')).toMatchObject({ port: 'vi1000005', state: 'allocated' });
  });

  it('is the one it had, for a container that comes back', () => {
    expect(ask('gone')).toMatchObject({ port: 'vi1000008', state: 'would-get' });
  });

  it('is the next free one for a container that nobody knows', () => {
    expect(ask('new', { taken: [1_000_000] })).toMatchObject({
      port: 'vi1000001',
      state: 'would-get',
    });
  });

  it('has to be asked for with the runtime where two have the name', () => {
    expect(() => ask('both')).toThrow(/--runtime/);
    expect(ask('both', { runtime: 'lxc' })).toMatchObject({ vmid: 1_000_007 });
  });

  it('is the one on the switch, whoever gave it the number', () => {
    const holders = [{ guest: 'byhand', vmid: 4711, runtime: 'manual' }];
    expect(ask('byhand', { holders, nic: 1 })).toMatchObject({ port: 'vi4711i1', state: 'allocated' });
  });

  it('is never one that another guest has on the switch', () => {
    const holders = [{ guest: 'byhand', vmid: 1_000_000, runtime: 'manual' }];
    expect(ask('new', { holders })).toMatchObject({ vmid: 1_000_001 });
  });

  it('of a Docker container called 101 is not VMID 101', () => {
    expect(ask('101', { runtime: 'docker' })).toMatchObject({ port: 'vi1000000', state: 'would-get' });
  });

  it('cannot be given when all numbers are used', () => {
    expect(() => ask('new', { range: [1_000_005, 1_000_005] })).toThrow(/no free VMID/);
  });
});
