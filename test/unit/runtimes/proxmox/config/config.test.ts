// Promises about guest configuration files: only the present state, and no exception whatever they hold.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGuestConfig } from '../../../../../src/runtimes/proxmox/config/guest-config.ts';

const QEMU = `#a description%3A net9%3A virtio
boot: order=scsi0;net0
hookscript: local:snippets/ovs-port-agent
lock: backup
name: web
net0: virtio=BC:24:11:00:00:01,bridge=ovsbr0
net1: virtio=BC:24:11:00:00:02,bridge=vmbr0,tag=7\r
net2: virtio=nonsense
net32: virtio
net01: virtio

[PENDING]
net3: virtio,bridge=vmbr0

[before-upgrade]
net0: virtio=BC:24:11:00:00:01,bridge=old
name: old
`;

describe('a VM’s configuration', () => {
  const config = parseGuestConfig(QEMU, 'qemu');

  it('says name, hookscript and lock', () => {
    expect(config).toMatchObject({
      name: 'web',
      hookscript: 'local:snippets/ovs-port-agent',
      lock: 'backup',
      template: false,
    });
  });

  it('gives the cards of the present state, none of a snapshot or a pending change', () => {
    expect([...config.nics.keys()]).toEqual([0, 1, 2]);
    expect(config.nics.get(0)).toMatchObject({ bridge: 'ovsbr0', model: 'virtio' });
    expect(config.nics.get(1)).toMatchObject({ bridge: 'vmbr0', tag: 7 });
  });

  it('has the reason where a card is refused', () => {
    expect(config.nics.get(2)).toHaveProperty('problem', 'macaddr: must be a unicast MAC address');
    expect(config.problems).toEqual(['line 8: net2: macaddr: must be a unicast MAC address']);
  });

  it('keeps the good line when a later one of the same card is bad, as qemu-server does', () => {
    const twice = parseGuestConfig('net0: virtio,bridge=a\nnet0: rubbish\n', 'qemu');
    expect(twice.nics.get(0)).toMatchObject({ bridge: 'a' });
  });
});

describe('a container’s configuration', () => {
  it('says the host name, and takes raw LXC lines for what they are', () => {
    const config = parseGuestConfig(
      'arch: amd64\nhostname: ct\nnet0: name=eth0,bridge=ovsbr0\nlxc.net.1.type: veth\nlxc.apparmor.profile = x\ntemplate: 1\n',
      'lxc',
    );
    expect(config).toMatchObject({ name: 'ct', template: true, problems: [] });
    expect(config.nics.get(0)).toMatchObject({ name: 'eth0', bridge: 'ovsbr0' });
  });

  it('takes the last of two lines, as pve-container does', () => {
    const twice = parseGuestConfig('net0: name=eth0,bridge=a\nnet0: rubbish\n', 'lxc');
    expect(twice.nics.get(0)).toHaveProperty('problem');
  });
});

describe('a damaged configuration', () => {
  it('is a list of problems, not an exception', () => {
    const config = parseGuestConfig('\0\0\0\nnet0 virtio\n: x\nNET0: virtio\n', 'qemu');
    expect(config.problems).toHaveLength(4);
    expect(config.nics.size).toBe(0);
  });

  it('hands no control characters on', () => {
    const config = parseGuestConfig('name: a\u001b[31m\nlock: x\0\nhostname: ct\u0007\n', 'lxc');
    expect(config.problems).toHaveLength(3);
    expect(config).not.toHaveProperty('name');
  });

  it('takes linear time', () => {
    expect(parseGuestConfig(`name: a${' '.repeat(1_000_000)}b\n`, 'qemu').problems).toEqual([]);
  });

  it('gives few problems however long it is', () => {
    expect(parseGuestConfig('rubbish\n'.repeat(5000), 'lxc').problems).toHaveLength(20);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('qemu' as const, 'lxc' as const),
        (text, kind) => {
          expect(parseGuestConfig(text, kind).nics.size).toBe(0);
        },
      ),
    );
  });
});
