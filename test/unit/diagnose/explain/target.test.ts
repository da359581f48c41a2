import { describe, expect, it } from 'vitest';
import { EMPTY_VMID_STATE } from '../../../../src/core/guest/vmid-allocation.ts';
import { portsMeant } from '../../../../src/diagnose/explain/target.ts';
import { guest, healthy, port, tree, WEB1 } from '../doctor/healthy.ts';
import { ports, proxmox } from '../doctor/variants.ts';

const MAIL = 'hostname: mail\nnet0: name=eth0,bridge=ovsbr0\nnet2: name=eth2,bridge=ovsbr0\n';
const host = healthy({
  ...ports(port(), port({ row: 'veth4f2a', port: 'vi1000000', interface: 'veth4f2a' })),
  ...proxmox({ tree: tree(guest(101, WEB1), guest(201, MAIL, 'lxc'), guest(301, 'name: web1\n')) }),
});
const state = {
  version: 1 as const,
  allocations: { 'docker:db': { vmid: 1_000_001, releasedAt: null } },
};

describe('what explain takes', () => {
  it.each([
    ['a port', 'vi101', [[101, 0]]],
    ['a port of a further card', 'vi101i2', [[101, 2]]],
    ['a VMID and a card', '101i1', [[101, 1]]],
    ['a VMID and its first card', '101i0', [[101, 0]]],
    [
      'a VMID: all its cards',
      '201',
      [
        [201, 0],
        [201, 2],
      ],
    ],
    ['a VMID of nobody: its first card', '999', [[999, 0]]],
    ["a device of Proxmox's", 'tap101i3', [[101, 3]]],
    ["the firewall's port", 'fwln102o1', [[102, 1]]],
    ['a device that only OVSDB knows', 'veth4f2a', [[1_000_000, 0]]],
    [
      'the name of a guest',
      'mail',
      [
        [201, 0],
        [201, 2],
      ],
    ],
    ['the name of a container that has a number', 'db', [[1_000_001, 0]]],
  ])('is %s', (_, text, meant) => {
    expect(portsMeant(text, host, state)).toEqual(meant.map(([vmid, nic]) => ({ vmid, nic })));
  });

  it('is no name that two guests have', () => {
    expect(() => portsMeant('web1', host, state)).toThrow(
      /more than one web1: VMIDs 301 and 101|VMIDs 101 and 301/,
    );
  });

  it.each(['', 'nobody', 'vi99', '\u001b[2J', '__proto__', 'constructor'])('is not %j', (text) => {
    expect(() => portsMeant(text, host, EMPTY_VMID_STATE)).toThrow(/There is no port/);
  });
});
