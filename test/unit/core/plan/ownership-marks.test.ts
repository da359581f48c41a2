// The marks by which we know rows and bridges of ours again.

import { expect, it } from 'vitest';
import type { DesiredPort } from '../../../../src/core/plan/desired.ts';
import { isOurBridge, isOurs, NM_UUID_KEY, OWNER_KEYS } from '../../../../src/core/plan/observed.ts';
import { externalIdsOf } from '../../../../src/core/plan/owner.ts';

const desired: DesiredPort = {
  port: 'vi101',
  interface: 'tap101i0',
  bridge: 'ovsbr0',
  guest: { runtime: 'proxmox-qemu', vmid: 101, name: 'web' },
  nic: 0,
};

it('a port that we mark is ours, and says whose it is', () => {
  const marks = externalIdsOf(desired, 'boot-1');
  expect(isOurs(marks)).toBe(true);
  expect(marks).toEqual({
    'ovs-port-agent.vmid': '101',
    'ovs-port-agent.guest': 'web',
    'ovs-port-agent.runtime': 'proxmox-qemu',
    'ovs-port-agent.nic': '0',
    'ovs-port-agent.boot-id': 'boot-1',
  });
  expect(isOurs({})).toBe(false);
});

it('a row that keeps its name says under which of ours it goes, and a container which one it is', () => {
  const guest = { ...desired.guest, id: 'c'.repeat(64) };
  const marks = externalIdsOf({ ...desired, guest, row: 'tap101i0' }, 'boot-1');
  expect(marks).toMatchObject({ [OWNER_KEYS.port]: 'vi101', [OWNER_KEYS.id]: guest.id });
});

it('a bridge is ours when we made it and nobody has taken it over', () => {
  const bridge = { name: 'ovsbr0', datapathType: 'system', externalIds: { [OWNER_KEYS.boot]: 'b' } } as const;
  expect(isOurBridge(bridge)).toBe(true);
  expect(isOurBridge({ ...bridge, externalIds: {} })).toBe(false);
  expect(isOurBridge({ externalIds: { ...bridge.externalIds, [NM_UUID_KEY]: 'U' } })).toBe(false);
});
