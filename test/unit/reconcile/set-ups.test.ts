// When the inner end of a port counts as set up: after the last thing that is done for it.

import { describe, expect, it } from 'vitest';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import type { Step } from '../../../src/core/plan/steps.ts';
import { openSetUps } from '../../../src/reconcile/set-ups.ts';

const guest = { runtime: 'lxc', vmid: 101, name: 'web' } as const;
const plain: DesiredPort = { port: 'vi101', interface: 'veth1', bridge: 'ovsbr0', guest, nic: 0 };
const peered: DesiredPort = { ...plain, peer: { pid: 42 } };
const announcing: DesiredPort = { ...peered, announces: ['10.0.0.51'] };
const veth = {
  pid: 42,
  guestInterface: 'ovs0',
  addresses: ['203.0.113.2/32'],
  gateways: [],
  networks: [],
  nameservers: [],
} as unknown as NonNullable<DesiredPort['veth']>;
const secured: DesiredPort = {
  ...plain,
  veth,
  portSecurity: { addresses: ['203.0.113.2'] } as unknown as NonNullable<DesiredPort['portSecurity']>,
};

const steps = (desired: DesiredPort) => ({
  offload: { kind: 'disable_offload', desired, peer: desired.peer } as Step,
  configure: { kind: 'configure_guest', desired, veth, offload: true } as Step,
  announce: { kind: 'announce_addresses', desired, addresses: desired.announces ?? ['203.0.113.2'] } as Step,
});

describe('an inner end', () => {
  it('whose addresses are announced is set up once they were, and not before', () => {
    const setUps = openSetUps();
    const { offload, announce } = steps(announcing);
    setUps.note(offload);
    expect(setUps.of([announcing])).toEqual(new Set());
    setUps.note(announce);
    expect(setUps.of([announcing])).toEqual(new Set(['vi101']));
  });

  it('of a container with public addresses is set up once they were announced, and not before', () => {
    const setUps = openSetUps();
    const { configure, announce } = steps(secured);
    setUps.note(configure);
    expect(setUps.of([secured])).toEqual(new Set());
    setUps.note(announce);
    expect(setUps.of([secured])).toEqual(new Set(['vi101']));
  });

  it('that nothing is announced of is set up once its packets are right', () => {
    const setUps = openSetUps();
    setUps.note(steps(peered).offload);
    expect(setUps.of([peered])).toEqual(new Set(['vi101']));
    const open: DesiredPort = { ...plain, veth };
    const others = openSetUps();
    others.note(steps(open).configure);
    expect(others.of([open])).toEqual(new Set(['vi101']));
  });

  it('is not set up any more once its port is gone', () => {
    const setUps = openSetUps();
    setUps.note(steps(peered).offload);
    setUps.forget((port) => port === 'vi101');
    expect(setUps.of([peered])).toEqual(new Set());
  });
});
