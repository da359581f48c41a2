// Whose a row that carries our mark is: marks alone prove nothing.

import { describe, expect, it } from 'vitest';
import { type ObservedPort, OWNER_KEYS } from '../../../../src/core/plan/observed.ts';
import { plan } from '../../../../src/core/plan/plan.ts';
import { inputOf, portOf, type World, wish, withPort } from './world.ts';

describe('a row that carries our mark', () => {
  const marks = { [OWNER_KEYS.vmid]: '999', [OWNER_KEYS.nic]: '0' };
  const row = (name: string, link: string, more: Record<string, string> = {}): ObservedPort => ({
    ...portOf({ ...wish(999, 'ovsbr0', 'lxc'), port: name, interface: link }, 'ovsdb'),
    externalIds: { ...marks, ...more },
  });
  const facts = {
    configured: 'ovsdb',
    presence: { networkmanager: 'unable' },
    declared: new Set<string>(),
  } as const;
  const stepsFor = (
    port: ObservedPort,
    links: readonly string[],
    seen: Partial<World['observed']> = {},
    noted = '',
  ) => {
    const { observed, configured } = withPort(port, links);
    const world = { observed: { ...observed, ...seen }, configured };
    const recordOf = () => new Set(noted === '' ? [] : [noted]);
    return plan(inputOf(world, [], { facts, recordOf })).steps.map(({ kind }) => kind);
  };
  const alias = { [OWNER_KEYS.port]: 'vi999' };

  it('on an uplink takes it away for nobody, whatever else is copied with it', () => {
    expect(stepsFor(row('eno1', 'eno1'), ['eno1'])).toEqual([]);
    expect(stepsFor({ ...row('eno1', 'eno1', alias), port: 'vi999' }, ['eno1'])).toEqual([]);
    expect(stepsFor({ ...row('eno1', 'eno1', alias), port: 'vi999' }, [])).toEqual([]);
  });

  it('under our name is not taken for ours with a device of the host behind it', () => {
    const hostDevices = new Map([['eno1', 'is a network card of the host']]);
    expect(stepsFor(row('vi999', 'eno1'), ['eno1'], { hostDevices }, 'eno1')).toEqual([]);
  });

  it('under our name goes when its device is gone, when we have noted it, or with a guest’s device behind it', () => {
    expect(stepsFor(row('vi999', 'veth7x'), [])).toEqual(['detach_port']);
    expect(stepsFor(row('vi999', 'veth7x'), ['veth7x'])).toEqual([]);
    expect(stepsFor(row('vi999', 'veth7x'), ['veth7x'], {}, 'veth7x')).toEqual(['detach_port']);
    expect(stepsFor(row('vi999', 'veth7x'), ['veth7x'], { guestDevices: new Set(['veth7x']) })).toEqual([
      'detach_port',
    ]);
    expect(stepsFor(row('vi999', 'tap999i0'), ['tap999i0'])).toEqual(['detach_port']);
    expect(stepsFor(row('vi999', 'tap101i0'), ['tap101i0'])).toEqual([]);
  });

  it('under our name is not taken for ours with a device that the switch itself made', () => {
    // The outer end that we make for a container is a veth of that name.
    expect(stepsFor(row('vi999', 'vi999'), ['vi999'])).toEqual(['detach_port']);
    expect(stepsFor({ ...row('vi999', 'vi999'), type: 'internal' }, ['vi999'])).toEqual([]);
    expect(stepsFor({ ...row('vi999', 'fwln999o0'), type: 'internal' }, ['fwln999o0'])).toEqual([
      'detach_port',
    ]);
  });

  it('for another guest than its name says is nobody’s', () => {
    expect(stepsFor(row('vi998', 'veth7x'), [])).toEqual([]);
  });
});
