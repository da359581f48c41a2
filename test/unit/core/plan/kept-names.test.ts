// On a bridge with a spanning tree no port that is plugged changes its name.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GuestRuntime } from '../../../../src/core/guest/guest.ts';
import type { DesiredPort } from '../../../../src/core/plan/desired.ts';
import { keepNames } from '../../../../src/core/plan/kept-names.ts';
import { type ObservedBridge, type ObservedPort, OWNER_KEYS } from '../../../../src/core/plan/observed.ts';
import { type PlanInput, plan } from '../../../../src/core/plan/plan.ts';

const wish = (runtime: GuestRuntime, link: string, more: Partial<DesiredPort> = {}): DesiredPort => ({
  port: 'vi201',
  interface: link,
  bridge: 'vmbr0',
  guest: { runtime, vmid: 201, name: 'mail' },
  nic: 0,
  ...more,
});

function holding(link: string, row: string, ours: boolean, bridge = 'vmbr0'): ObservedPort {
  const marks: Record<string, string> = ours
    ? {
        [OWNER_KEYS.vmid]: '201',
        [OWNER_KEYS.nic]: '0',
        ...(row !== 'vi201' && { [OWNER_KEYS.port]: 'vi201' }),
      }
    : {};
  return {
    port: ours ? 'vi201' : row,
    row,
    driver: 'ovsdb',
    bridge,
    interface: link,
    type: '',
    ofport: 3,
    vlan: { trunks: [] },
    portUuid: 'p',
    interfaceUuid: 'i',
    bridgeRowUuid: 'b',
    externalIds: marks,
    interfaceExternalIds: marks,
  };
}

function inputOf(desired: DesiredPort, ports: readonly ObservedPort[], spanningTree: boolean): PlanInput {
  const bridge: ObservedBridge = {
    name: 'vmbr0',
    datapathType: 'netdev',
    externalIds: {},
    ...(spanningTree && { spanningTree: true }),
  };
  return {
    desired: [desired],
    observed: {
      bridges: new Map([['vmbr0', bridge]]),
      ports,
      links: new Set([desired.interface]),
      linuxBridges: new Set(),
      profiles: [],
      guestEnds: new Set(),
      bridgesDown: new Set(),
      portSecurity: new Map(),
      leftByProxmox: new Set(),
      hostDevices: new Map(),
      guestDevices: new Set(),
      parked: new Set(),
    },
    inScope: () => true,
    recordOf: () => new Set([desired.interface]),
    creatableBridges: new Set(),
    ensureBridges: [],
    restoreBridges: [],
    configured: new Set(['vi201']),
    isHeld: () => false,
    takenBy: () => undefined,
    recreateBlocker: () => undefined,
    securityDigest: () => '',
    facts: { configured: 'auto', presence: { networkmanager: 'unable' }, declared: new Set() },
  };
}

describe('a card on a bridge with a spanning tree', () => {
  it('that Proxmox has plugged is marked, not renamed', () => {
    const { steps } = plan(
      inputOf(wish('proxmox-lxc', 'veth201i0'), [holding('veth201i0', 'veth201i0', false)], true),
    );
    expect(steps).toMatchObject([{ kind: 'mark_port', desired: { row: 'veth201i0' } }]);
    expect(
      plan(inputOf(wish('proxmox-lxc', 'veth201i0'), [holding('veth201i0', 'veth201i0', true)], true)).steps,
    ).toEqual([]);
  });

  it('that has our name when the tree is turned on gets Proxmox’s at once: everybody learns anew just then', () => {
    const { steps } = plan(
      inputOf(wish('proxmox-qemu', 'tap201i0'), [holding('tap201i0', 'vi201', true)], true),
    );
    expect(steps).toMatchObject([{ kind: 'hand_back_port', desired: { row: 'tap201i0' } }]);
  });

  it('that LXC has plugged keeps the name that LXC looks for', () => {
    const { steps } = plan(inputOf(wish('lxc', 'vethXyZ'), [holding('vethXyZ', 'vethXyZ', false)], true));
    expect(steps).toMatchObject([{ kind: 'mark_port', desired: { row: 'vethXyZ' } }]);
  });

  it('gets our name when the tree is turned off', () => {
    const { steps } = plan(
      inputOf(wish('proxmox-lxc', 'veth201i0'), [holding('veth201i0', 'veth201i0', true)], false),
    );
    expect(steps).toMatchObject([{ kind: 'adopt_port' }]);
  });
});

it('changes its name at no time, whoever plugged it and whatever it is called', () => {
  const runtimes = fc.constantFrom<GuestRuntime[]>('proxmox-qemu', 'proxmox-lxc', 'lxc');
  fc.assert(
    fc.property(runtimes, fc.boolean(), fc.option(fc.boolean()), (runtime, ours, moved) => {
      const link = runtime === 'proxmox-qemu' ? 'tap201i0' : 'veth201i0';
      const desired = wish(runtime, link);
      const bridge = moved === true ? 'vmbr1' : 'vmbr0';
      const input = inputOf(desired, [holding(link, link, ours, bridge)], true);
      const renamed = plan(input).steps.filter(
        (step) => step.kind === 'adopt_port' || step.kind === 'hand_back_port',
      );
      expect(renamed).toEqual([]);
      const [kept] = keepNames([desired], input.observed);
      expect(kept?.row).toBe(moved === true && runtime === 'lxc' ? undefined : link);
    }),
  );
});

it('names of ports on other bridges, of those that have one already and of pairs of ours stay as desired', () => {
  const tree = { ...inputOf(wish('proxmox-lxc', 'veth201i0'), [], true).observed };
  const elsewhere = wish('proxmox-lxc', 'veth201i1', { bridge: 'vmbr1' });
  const named = wish('proxmox-lxc', 'veth201i2', { row: 'veth201i2' });
  const onTree = wish('proxmox-lxc', 'veth201i0');
  expect(keepNames([elsewhere, named, onTree], tree)).toEqual([
    elsewhere,
    named,
    { ...onTree, row: 'veth201i0' },
  ]);
});
