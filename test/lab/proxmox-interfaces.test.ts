// Our part of /etc/network/interfaces on a Proxmox node: the web interface keeps it, a reload harms no guest, removal is exact.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type Host, upHost } from './host.ts';
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

let host: Host;

beforeAll(async () => {
  host = await upHost('trixie', 'interfaces');
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
