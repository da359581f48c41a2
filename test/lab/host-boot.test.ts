// A node's network as Proxmox manages it, and what it does at a boot: on each suite.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, type Suite, upHost } from './host.ts';

const suites: Suite[] = ['forky', 'trixie', 'bookworm'];
const VECTORS = '/src/test/unit/ifupdown/vectors';

const hook = `#!/bin/sh
echo "$1 $2" >>/var/log/phases
`;

describe.each(suites)('on %s', (suite) => {
  let host: Host;

  beforeAll(async () => {
    host = await upHost(suite, `boot-${suite}`);
    await host.sh('pve-init --boot-services; pve-network --uplink eno1 --address 10.0.0.1/24');
    await host.exec(['sh', '-c', 'cat >/var/lib/vz/snippets/note; chmod +x /var/lib/vz/snippets/note'], {
      input: hook,
    });
  });

  afterAll(() => host?.down());

  const ports = async () => (await host.sh('ovs-vsctl list-ports vmbr0')).split('\n').filter(Boolean).sort();

  it.each(['cand.in', 'if1', 'misc', 'orphan-intport'])(
    'writes the file %s as Proxmox does',
    async (name) => {
      await host.sh(`pve-network format ${VECTORS}/${name}.in --nics eno1,eno2,eth0 | tail -n +12 |
      iconv -f utf-8 -t latin1 | diff - ${VECTORS}/${name}.ifupdown2.out`);
    },
  );

  it('refuses to write a file that Proxmox refuses', async () => {
    const { exitCode, stderr } = await host.exec([
      'pve-network',
      'format',
      `${VECTORS}/ovsport-veth.in`,
      '--nics',
      'eno1',
    ]);
    expect([exitCode, stderr]).toEqual([255, "interface 'vethdock0' is not defined as OVS port/bond"]);
  });

  it('has a bridge of its own with an uplink, which applying the configuration puts in order', async () => {
    expect(await ports()).toEqual(['eno1']);
    await host.sh(`for port in tap9i0 fwln9o1 vi9; do ovs-vsctl add-port vmbr0 $port -- set Interface $port type=internal; done
      ovs-vsctl set Bridge vmbr0 external_ids:a=b -- set Port eno1 external_ids:a=b
      printf '\\n# mine\\niface vmbr0 inet6 manual\\n\\t# kept\\n' >>/etc/network/interfaces
      pve-network save; test -e /etc/network/interfaces.new; pve-network apply`);
    const file = await host.sh('cat /etc/network/interfaces; ! test -e /etc/network/interfaces.new');
    expect(file).toContain('# kept');
    expect(file).not.toContain('# mine');
    expect(await ports()).toEqual(['eno1', 'fwln9o1', 'tap9i0']);
    expect(
      await host.sh('ovs-vsctl get Bridge vmbr0 external_ids; ovs-vsctl get Port eno1 external_ids'),
    ).toBe('{}\n{}');
    expect(await host.sh('ip -brief address show vmbr0')).toContain('10.0.0.1/24');
  });

  it('comes back from a reboot with an empty database, its bridge, and the guests that start at boot', async () => {
    await host.sh(`qm create 101 --net0 virtio,bridge=vmbr0 --hookscript local:snippets/note --onboot 1
      qm create 102 --net0 virtio,bridge=vmbr0 --hookscript local:snippets/note --onboot 1 --startup order=1
      qm create 103 --net0 virtio,bridge=vmbr0 --hookscript local:snippets/note
      pct create 200 --net0 name=eth0,bridge=vmbr0 --hookscript local:snippets/note --onboot 1
      pct start 200; pct create 201 --net0 name=eth0,bridge=vmbr0; echo 'lock: backup' >>/etc/pve/qemu-server/102.conf
      rm /var/log/phases; ovs-vsctl set Open_vSwitch . external_ids:mine=1; ovs-bridge left-behind 10.0.9.1/24`);
    await host.reboot();
    const phases = (await host.sh('cat /var/log/phases')).split('\n');
    expect(phases).toEqual([
      ...['200 pre-stop', '200 post-stop'],
      ...[
        '102 pre-start',
        '102 post-start',
        '101 pre-start',
        '101 post-start',
        '200 pre-start',
        '200 post-start',
      ],
    ]);
    expect(await ports()).toEqual(['eno1', 'tap101i0', 'tap102i0', 'veth200i0']);
    expect(await host.sh('ovs-vsctl list-br; ovs-vsctl get Open_vSwitch . external_ids')).toMatch(
      /^vmbr0\n(?!.*mine)/,
    );
    expect(await host.sh('ip -brief address show vmbr0')).toContain('10.0.0.1/24');
  });
});
