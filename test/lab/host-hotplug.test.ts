// Changes of a running guest's card: the stand-ins make them in Proxmox's order, on each suite.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, type Suite, upHost } from './host.ts';

const suites: Suite[] = ['forky', 'trixie', 'bookworm'];
const VM_MAC = 'BC:24:11:00:01:01';
const VM_NET = `virtio=${VM_MAC},bridge=ovsbr0`;
const CT_NET = 'name=eth0,bridge=ovsbr0,hwaddr=BC:24:11:00:02:00,ip=10.0.0.200/24';

describe.each(suites)('on %s', (suite) => {
  let host: Host;

  beforeAll(async () => {
    host = await upHost(suite, `hotplug-${suite}`);
    await host.sh(`pve-init; ovs-bridge ovsbr0 10.0.0.1/24; ip addr add 10.0.1.1/24 dev ovsbr0
      qm create 101 --net0 ${VM_NET} --ipconfig0 ip=10.0.0.101/24 --ipconfig1 ip=10.0.1.101/24
      pct create 200 --net0 ${CT_NET}
      qm start 101; pct start 200; timeout 60 sh -c "until ping -c1 -W1 10.0.0.101; do :; done"`);
  });

  afterAll(() => host?.down());

  const ports = async () => (await host.sh('ovs-vsctl list-ports ovsbr0')).split('\n').filter(Boolean);
  const file = (path: string) => host.sh(`cat /etc/pve/${path}`);

  /** What a command does to the guest's file and to ports, in order: `write`, or the words after `ovs-vsctl`. */
  async function stepsOf(command: string): Promise<string[]> {
    await host.sh(`strace -f -qq -s 200 -v -e trace=execve,rename -o /tmp/trace ${command}`);
    const calls = (await host.sh('cat /tmp/trace')).split('\n').filter((line) => line.endsWith('= 0'));
    return calls.flatMap((line) => {
      if (line.includes('.conf.tmp.')) return ['write'];
      const words = /execve\("[^"]*ovs-vsctl", \[([^\]]*)\]/.exec(line)?.[1];
      return words === undefined ? [] : [words.replaceAll('"', '').split(', ').slice(1).join(' ')];
    });
  }

  it('writes a change of a running VM as pending before it touches the port', async () => {
    expect(await stepsOf(`qm set 101 --net0 ${VM_NET},tag=5`)).toEqual([
      'write',
      'del-port tap101i0',
      'del-port tap101i0',
      'br-exists ovsbr0',
      '-- add-port ovsbr0 tap101i0 tag=5 -- set Interface tap101i0 mtu_request=1500',
      'write',
    ]);
    expect(await file('qemu-server/101.conf')).toContain(`net0: ${VM_NET},tag=5`);
    expect(await file('qemu-server/101.conf')).not.toContain('[PENDING]');
    await host.sh(`qm set 101 --net0 ${VM_NET}; ping -c3 -W5 10.0.0.101`);
  });

  it('takes the port of a running container off and puts it back before it writes anything', async () => {
    expect(await stepsOf(`pct set 200 --net0 ${CT_NET},tag=5`)).toEqual([
      'del-port veth200i0',
      'del-port veth200i0',
      'br-exists ovsbr0',
      '-- add-port ovsbr0 veth200i0 tag=5 -- set Interface veth200i0 mtu_request=1500',
      'write',
      'write',
    ]);
    expect(await file('lxc/200.conf')).not.toContain('[pve:pending]');
    await host.sh(`pct set 200 --net0 ${CT_NET}; ping -c3 -W5 10.0.0.200`);
  });

  it('says that a change failed, leaves a VM’s pending and a container as it was, and makes it at the next attempt', async () => {
    const vm = await host.exec(['qm', 'set', '101', '--net0', `virtio=${VM_MAC},bridge=nobr`]);
    expect(vm).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining(
        "400 Parameter verification failed.\nnet0: hotplug problem - bridge 'nobr' is neither a linux nor an OVS bridge!",
      ),
    });
    const [now, pending] = (await file('qemu-server/101.conf')).split('\n\n[PENDING]\n');
    expect(now).toContain(`net0: ${VM_NET}\n`);
    expect(pending).toBe(`net0: virtio=${VM_MAC},bridge=nobr`);
    expect(await ports()).not.toContain('tap101i0');
    const ct = await host.exec(['pct', 'set', '200', '--net0', CT_NET.replace('ovsbr0', 'nobr')]);
    expect(ct).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('unable to hotplug net0: ') });
    expect(await file('lxc/200.conf')).toContain(`net0: ${CT_NET}`);
    expect(await file('lxc/200.conf')).not.toContain('[pve:pending]');
    expect(await ports()).toContain('veth200i0');
    expect((await host.exec(['pct', 'set', '200', '--net1', 'name=eth1,bridge=nobr'])).exitCode).toBe(255);
    expect(await file('lxc/200.conf')).not.toContain('net1');
    await host.sh(
      `qm set 101 --net0 ${VM_NET},tag=7; qm set 101 --net0 ${VM_NET}; pct set 200 --net0 ${CT_NET}`,
    );
    await host.sh('ping -c3 -W5 10.0.0.101; ping -c3 -W5 10.0.0.200');
  });

  it('keeps what only a new start can change pending until then', async () => {
    await host.sh('qm set 101 --memory 192 --name other');
    expect(await file('qemu-server/101.conf')).toMatch(/name: other\n[^[]*\n\n\[PENDING\]\nmemory: 192$/);
    await host.sh('qm set 101 --delete memory');
  });

  it('plugs a NIC into a running VM and pulls it', async () => {
    await host.sh(`qm set 101 --net1 virtio,bridge=ovsbr0
      timeout 30 sh -c "until ping -c1 -W1 10.0.1.101; do :; done"`);
    expect(await ports()).toEqual(['tap101i0', 'tap101i1', 'veth200i0']);
    await host.sh('qm set 101 --delete net1');
    expect(await ports()).toEqual(['tap101i0', 'veth200i0']);
    expect(await file('qemu-server/101.conf')).not.toContain('net1');
  });

  it('plugs a NIC into a running container and pulls it', async () => {
    await host.sh(`pct set 200 --net1 name=eth1,bridge=ovsbr0,ip=10.0.1.200/24
      ping -c3 -W5 10.0.1.200; pct set 200 --delete net1`);
    expect(await ports()).toEqual(['tap101i0', 'veth200i0']);
    expect(await file('lxc/200.conf')).not.toContain('net1');
    await expect(host.sh('ip link show veth200i1')).rejects.toThrow('does not exist');
  });

  it('leaves the deletion of a container’s eleventh card pending until it starts anew', async () => {
    await host.sh('pct set 200 --net10 name=eth10,bridge=ovsbr0; pct set 200 --delete net10');
    expect(await ports()).toContain('veth200i10');
    expect(await file('lxc/200.conf')).toMatch(/\[pve:pending\]\ndelete: net10/);
    await host.sh('pct set 200 --revert net10');
    expect(await file('lxc/200.conf')).not.toContain('[pve:pending]');
    await host.sh('pct set 200 --delete net10; pct stop 200; pct start 200');
    expect(await ports()).toEqual(['tap101i0', 'veth200i0']);
    expect(await file('lxc/200.conf')).not.toContain('net10');
  });

  it('turns the firewall of a running guest on and off', async () => {
    await host.sh(`qm set 101 --net0 ${VM_NET},firewall=1; pct set 200 --net0 ${CT_NET},firewall=1`);
    expect(await ports()).toEqual(['fwln101o0', 'fwln200o0']);
    await host.sh('ping -c3 -W5 10.0.0.101; ping -c3 -W5 10.0.0.200');
    await host.sh(`qm set 101 --net0 ${VM_NET}; pct set 200 --net0 ${CT_NET}`);
    expect(await ports()).toEqual(['tap101i0', 'veth200i0']);
    expect(await host.sh('ip -brief link')).not.toMatch(/fw(?:br|ln|pr)/);
  });

  it('pulls the cable of a running guest', async () => {
    await host.sh(`pct set 200 --net0 ${CT_NET},link_down=1`);
    expect(await ports()).toEqual(['tap101i0']);
    await host.sh(`pct set 200 --net0 ${CT_NET}; ping -c3 -W5 10.0.0.200`);
  });
});
