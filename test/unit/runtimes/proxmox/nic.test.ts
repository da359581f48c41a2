// Under which name the port of a Proxmox card goes, and on which device it is.

import { describe, expect, it } from 'vitest';
import type { Guest } from '../../../../src/core/guest/guest.ts';
import type { Nic } from '../../../../src/core/guest/nic.ts';
import {
  type ConfiguredNic,
  desiredPort,
  type HolderOf,
  obstacleTo,
} from '../../../../src/runtimes/proxmox/nic.ts';

const vm: Guest = { runtime: 'proxmox-qemu', vmid: 101, name: 'web' };
const container: Guest = { ...vm, runtime: 'proxmox-lxc' };
const nic: Nic = { bridge: 'vmbr0', firewall: false, linkDown: false };
const nowhere: HolderOf = () => undefined;
const card = (more: Partial<Nic> = {}, pending = false): ConfiguredNic => ({
  index: 0,
  nic: { ...nic, ...more },
  pending,
});

describe('the port of a card', () => {
  it('is vi<VMID> on the device that Proxmox made', () => {
    expect(desiredPort(vm, card(), 'vi', nowhere)).toMatchObject({ port: 'vi101', interface: 'tap101i0' });
    expect(desiredPort(container, card(), 'vi', nowhere)).toMatchObject({ interface: 'veth101i0' });
    expect(desiredPort(vm, card(), 'vi', nowhere)).not.toHaveProperty('row');
  });

  it('keeps its row where the configuration says so', () => {
    expect(desiredPort(vm, card(), 'keep', nowhere)).toMatchObject({ port: 'vi101', row: 'tap101i0' });
  });

  it('keeps its row while Proxmox changes the card, on the bridge that it is on then', () => {
    const holderOf: HolderOf = (device) =>
      device === 'tap101i0' ? { row: 'vi101', bridge: 'vmbr7' } : undefined;
    expect(desiredPort(vm, card({}, true), 'vi', holderOf)).toMatchObject({
      row: 'tap101i0',
      bridge: 'vmbr7',
    });
  });

  it('keeps its row where tc holds a rate limit, which another name would lose', () => {
    expect(desiredPort(vm, card({ rate: 12.5 }), 'vi', nowhere)).toMatchObject({ row: 'tap101i0' });
  });

  it("is the firewall's internal port, as it is, when there is one", () => {
    const guarded = { port: 'vi101', row: 'fwln101o0', interface: 'fwln101o0' };
    expect(desiredPort(vm, card({ firewall: true }), 'vi', nowhere)).toMatchObject(guarded);
  });

  it('is on the device that is plugged while the firewall is being switched', () => {
    const plugged =
      (name: string): HolderOf =>
      (device) =>
        device === name ? { row: name, bridge: 'vmbr0' } : undefined;
    const switching = card({ firewall: true }, true);
    expect(desiredPort(vm, switching, 'vi', plugged('fwln101o0'))).toMatchObject({ interface: 'fwln101o0' });
    expect(desiredPort(vm, switching, 'vi', plugged('tap101i0'))).toMatchObject({ interface: 'tap101i0' });
  });

  it('has the VLANs of the configuration as Proxmox plugs them', () => {
    expect(desiredPort(vm, card({ tag: 5, trunks: '7;9-10' }), 'vi', nowhere).vlan).toEqual({
      tag: 5,
      trunks: [7, 9, 10],
      mode: 'native-untagged',
    });
  });
});

describe('a card with its link down', () => {
  const down: Nic = { ...nic, linkDown: true };

  it('has no port in a container, where Proxmox unplugs it, and keeps it in a VM', () => {
    expect(obstacleTo('proxmox-lxc', down, () => true)).toBe('its link is set down');
    expect(obstacleTo('proxmox-qemu', down, () => true)).toBeUndefined();
  });
});
