// Our part of /etc/network/interfaces on a Proxmox node: the web interface keeps it, a reload harms no guest, removal is exact.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type AgentHost, watched } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { upHost } from './host.ts';
import { expectReachable, lostDuring } from './pings.ts';

const FILE = '/etc/network/interfaces';
const GUEST = '10.0.0.200';
const CONFIG = `reconcile_interval = 86400
[proxmox]
interfaces = false
[bridges.ovsbr0]
addresses = ["10.9.0.1/24"]
[bridges.ovsbr1]
`;

let host: AgentHost;

beforeAll(async () => {
  host = watched(await upHost('trixie', 'interfaces'));
  await host.sh('pve-init; pve-network --uplink eno1 --address 10.0.0.1/24; mkdir -p /etc/ovs-port-agent');
  await host.exec(['sh', '-c', 'cat >/etc/ovs-port-agent/config.toml'], { input: CONFIG });
  await host.sh(
    `echo 'Dpkg::Options { "--force-confold"; };' >/etc/apt/apt.conf.d/90lab; cp ${FILE} /root/before`,
  );
  await host.installDeb(inject('deb'));
  await host.sh(`pct create 200 --net0 name=eth0,bridge=vmbr0,ip=${GUEST}/24 --hookscript local:snippets/ovs-port-agent
    pct start 200`);
  await expectReachable(host, GUEST);
});

afterAll(() => host?.down());

const cli = (...args: string[]) => host.exec(['ovs-port-agent', 'proxmox', 'interfaces', ...args]);
const ports = async () => (await host.sh('ovs-vsctl list-ports vmbr0')).split('\n');

describe('the interfaces file of a Proxmox node', () => {
  it('is left alone until somebody asks', async () => {
    expect(await ports()).toContain('vi200');
    expect((await cli('show')).exitCode).toBe(1);
    await host.sh(`cmp ${FILE} /root/before`);
  });

  it('gets our part on command, and loses it again to the last byte', async () => {
    expect(await cli('apply')).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await cli('show')).exitCode).toBe(0);
    expect(await host.sh(`cat ${FILE}`)).toContain('iface ovsbr0 inet static');
    expect(await cli('remove')).toMatchObject({ exitCode: 0, stderr: '' });
    await host.sh(`cmp ${FILE} /root/before`);
  });

  it('is brought up to date by the agent, which may not write there itself, once that is switched on', async () => {
    await host.sh(`sed -i 's/^interfaces = false/interfaces = true/' /etc/ovs-port-agent/config.toml
      systemctl restart ovs-port-agent`);
    await eventually(
      () => cli('show'),
      ({ stdout }) => expect(stdout).toBe(`${FILE}: nothing to change`),
    );
    await eventually(
      () => host.sh('cat /run/ovs-port-agent/proxmox-interfaces.json'),
      (text) => expect(JSON.parse(text)).toMatchObject({ ok: true, files: [{ path: FILE }], refusals: [] }),
    );
    expect(await host.sh('systemctl is-failed ovs-port-agent-interfaces || true')).toBe('inactive');
  });

  it('keeps our part, and every guest on its port, when the configuration is saved and applied', async () => {
    await expectReachable(host, GUEST);
    expect(
      await lostDuring(host, GUEST, () => host.sh('pve-network save; pve-network apply; ifreload -a')),
    ).toBe(0);
    expect(await ports()).toContain('vi200');
    expect((await cli('show')).stdout).toBe(`${FILE}: nothing to change`);
    expect(await host.sh('ovs-vsctl br-exists ovsbr0; ip -brief address show ovsbr0')).toContain(
      '10.9.0.1/24',
    );
  });

  describe('with virtual networks of SDN on our bridge and on Proxmox’s', () => {
    const BEHIND = '10.5.0.201';
    const rows = async () => (await host.traces()).ports;
    const put = (bridge: string) =>
      host.exec([
        'pct',
        'set',
        '202',
        '--net0',
        `name=eth0,hwaddr=BC:24:11:00:02:02,ip=10.5.0.202/24,${bridge}`,
      ]);
    /** The first to speak is who was moved: bridges send to its former place until they hear of it. */
    const talk = () =>
      host.sh('timeout 20 sh -c "until pct exec 202 -- ping -c1 -W1 10.5.0.201; do :; done"');

    beforeAll(async () => {
      await host.sh(`pve-network sdn vnet0=vmbr0:5 vnet1=ovsbr1:6
        pct create 201 --net0 name=eth0,bridge=vnet0,ip=${BEHIND}/24 --hookscript local:snippets/ovs-port-agent
        pct create 202 --net0 name=eth0,hwaddr=BC:24:11:00:02:02,bridge=vmbr0,tag=5,ip=10.5.0.202/24
        pct start 201; pct start 202`);
      await eventually(ports, (names) =>
        expect(names).toEqual(expect.arrayContaining(['ln_vnet0', 'vi202'])),
      );
    });
    afterAll(() => host.sh('pct stop 201; pct stop 202; pve-network sdn'));

    it('attaches the guest on the OVS bridge, and leaves the one on the virtual network to Proxmox', async () => {
      await talk();
      expect(await ports()).not.toContain('vi201');
      expect(await host.sh('ls /sys/class/net/vnet0/brif')).toBe('ln_vnet0\nveth201i0');
      const { stdout } = await host.exec(['ovs-port-agent', 'explain', '201']);
      expect(stdout).toContain('vnet0');
      expect(await host.sh('ovs-port-agent doctor; ovs-port-agent status')).toContain('Nothing waits.');
    });

    it('has our part of the file on command, nothing of it refused', async () => {
      expect(await cli('apply')).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await cli('apply')).toMatchObject({ exitCode: 0, stdout: `${FILE}: nothing to change` });
      expect(await host.sh(`cat ${FILE}`)).toMatch(/^iface ovsbr1 inet manual$/m);
    });

    it('is left alone by a look at everything and by a new agent', async () => {
      const before = await rows();
      expect(before).toContainEqual(expect.objectContaining({ port: 'ln_vnet0', bridge: 'vmbr0', tag: 5 }));
      expect(before).toContainEqual(expect.objectContaining({ port: 'ln_vnet1', bridge: 'ovsbr1', tag: 6 }));
      expect(await host.sh('ovs-port-agent reconcile')).toContain('othing to change');
      await host.sh('systemctl restart ovs-port-agent');
      await eventually(rows, (now) => expect(now).toEqual(before));
      await talk();
    });

    it('stays with all guests when the configuration is saved and applied', async () => {
      expect(
        await lostDuring(host, GUEST, () => host.sh('pve-network save; pve-network apply; ifreload -a')),
      ).toBe(0);
      expect(await ports()).toEqual(expect.arrayContaining(['ln_vnet0', 'vi200', 'vi202']));
      expect(await host.sh('ovs-vsctl list-ports ovsbr1')).toContain('ln_vnet1');
      await talk();
    });

    it('takes a running guest from the OVS bridge, and gives it back', async () => {
      expect(await put('bridge=vnet0')).toMatchObject({ exitCode: 0 });
      await eventually(ports, (names) => expect(names.filter((name) => /202/.test(name))).toEqual([]));
      await talk();
      expect(await put('bridge=vmbr0,tag=5')).toMatchObject({ exitCode: 0 });
      await eventually(ports, (names) => expect(names).toContain('vi202'));
      await talk();
    });
  });

  it('loses our part, also what waits to be applied, and no bridge when that is applied', async () => {
    await host.sh(`sed -i 's/^interfaces = true/interfaces = false/' /etc/ovs-port-agent/config.toml
      systemctl restart ovs-port-agent; pve-network save`);
    expect((await cli('remove')).exitCode).toBe(0);
    expect(await host.sh(`grep -l ovs-port-agent ${FILE} ${FILE}.new || true`)).toBe('');
    await host.sh('pve-network apply; ovs-vsctl br-exists ovsbr0');
  });

  it('is as Proxmox would have written it without us when the package is removed', async () => {
    await cli('apply');
    await host.sh(`pve-network save; pve-network apply
      DEBIAN_FRONTEND=noninteractive apt-get remove -y ovs-port-agent
      pve-network format /root/before >/root/wanted; diff --ignore-blank-lines /root/wanted ${FILE}`);
  });
});
