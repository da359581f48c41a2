// What other hosts have not, taken away in turn from one like Proxmox 9: guests start and stop all the same.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_TRACES, SNIPPET } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { type MeshHost, upMeshHost } from './netmaker-host.ts';
import { expectReachable } from './pings.ts';

let host: MeshHost;

beforeAll(async () => {
  host = await upMeshHost('bare-host', { suite: 'trixie' });
  await host.sh(`
    ovs-bridge vmbr0 10.0.1.1/24
    qm create 101 --hookscript ${SNIPPET} --net0 virtio,bridge=vmbr0,mtu=1400
    pct create 200 --hookscript ${SNIPPET} --net0 name=eth0,bridge=vmbr0,ip=10.0.1.200/24`);
});

afterAll(() => host?.down());

/** Twice: what the first leaves behind is in the way of the second. */
async function startAndStop(withContainer = true): Promise<void> {
  const both = (verb: string) => `qm ${verb} 101; ${withContainer ? `pct ${verb} 200` : ''}`;
  for (const _ of [1, 2]) {
    await host.sh(both('start'));
    await eventually(host.traces, ({ ports }) =>
      expect(ports.map(({ port, usable }) => [port, usable])).toEqual([
        ['vi101', true],
        ...(withContainer ? [['vi200', true]] : []),
      ]),
    );
    if (withContainer) await expectReachable(host, '10.0.1.200');
    await host.sh(both('stop'));
    await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
  }
}

async function expectNothingWrong(): Promise<void> {
  await eventually(
    () => host.cli('status'),
    ({ exitCode, stdout }) =>
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Nothing waits.')]),
  );
  const { stdout } = await host.cli('doctor', '--json');
  const findings = JSON.parse(stdout) as { state: string; text: string }[];
  expect(findings.filter(({ state }) => state === 'fail')).toEqual([]);
}

it('a card with a small MTU of its own does not lower its bridge, whoever makes the row', async () => {
  await host.sh('qm start 101');
  await eventually(host.traces, ({ ports }) => expect(ports.map(({ port }) => port)).toEqual(['vi101']));
  // The row is the agent's own making now.
  await host.sh('ovs-vsctl del-port vi101');
  await eventually(host.traces, ({ ports }) => expect(ports.map(({ port }) => port)).toEqual(['vi101']));
  await eventually(
    () => host.sh('ovs-vsctl get Interface tap101i0 mtu_request; cat /sys/class/net/vmbr0/mtu'),
    (seen) => expect(seen).toBe('1500\n1500'),
  );
  await host.sh('qm stop 101');
});

describe('a host without', () => {
  it('IPv6 has public addresses of IPv4 all the same', async () => {
    // As near to ipv6.disable=1 as a container of the kernel gets: no settings, and no answer about the family.
    await host.sh(`
      mv /usr/sbin/ip /usr/sbin/ip.real
      cat >/usr/sbin/ip <<'END'
#!/bin/sh
for word; do
  case $word in
    -6 | -family=inet6) echo 'RTNETLINK answers: Operation not supported' >&2; exit 2 ;;
    -*) ;;
    *) break ;;
  esac
done
exec /usr/sbin/ip.real "$@"
END
      chmod +x /usr/sbin/ip; mount -t tmpfs none /proc/sys/net/ipv6
      systemctl restart ovs-port-agent`);
    try {
      await host.start('netmaker-1');
      const { stdout } = await host.inside('netmaker-1', 'ip.real', '-json', 'route', 'show', 'default');
      expect(JSON.parse(stdout)).toMatchObject([{ dev: 'ovs0' }]);
      await expectNothingWrong();
      await host.sh('docker rm -f netmaker-1');
      await startAndStop();
    } finally {
      await host.sh(`
        docker rm -f netmaker-1 2>/dev/null || true
        umount /proc/sys/net/ipv6; mv -f /usr/sbin/ip.real /usr/sbin/ip; systemctl restart ovs-port-agent`);
    }
  });

  it('a name in small letters is a node like any other', async () => {
    const former = await host.sh('hostname');
    const rename = (from: string, to: string) => `
      systemctl stop ovs-port-agent; hostname ${to}; mv /etc/pve/nodes/${from} /etc/pve/nodes/${to}
      [ ! -L /etc/pve/local ] || ln -sfn nodes/${to} /etc/pve/local
      [ ! -L /etc/pve/qemu-server ] || ln -sfn nodes/${to}/qemu-server /etc/pve/qemu-server
      [ ! -L /etc/pve/lxc ] || ln -sfn nodes/${to}/lxc /etc/pve/lxc
      pve-init; systemctl start ovs-port-agent`;
    await host.sh(rename(former, 'PVE-Node1'));
    await startAndStop();
    await expectNothingWrong();
    await host.sh(rename('PVE-Node1', former));
  });

  it('Open vSwitch has it later', async () => {
    await host.sh(`
      systemctl stop openvswitch-switch; systemctl mask --runtime openvswitch-switch ovsdb-server ovs-vswitchd
      rm -rf /run/openvswitch.away; mv /run/openvswitch /run/openvswitch.away
      systemctl restart ovs-port-agent`);
    expect(await host.cli('status')).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('NOT') });
    await host.sh(`
      rm -rf /run/openvswitch; mv /run/openvswitch.away /run/openvswitch
      systemctl unmask --runtime openvswitch-switch ovsdb-server ovs-vswitchd; systemctl start openvswitch-switch
      ip link set vmbr0 up; ip address replace 10.0.1.1/24 dev vmbr0`);
    await startAndStop();
    await expectNothingWrong();
  });

  it.each([
    ['Docker', 'systemctl stop docker; dpkg --force-depends --purge docker.io docker-cli', true],
    ['polkit, ifupdown2 and dnsmasq', 'dpkg --force-depends --purge polkitd ifupdown2 dnsmasq-base', true],
    ['LXC', 'dpkg --force-depends --purge lxc', false],
  ])('%s starts guests of the other kinds', async (_, purge, withContainer) => {
    await host.sh(
      `export DEBIAN_FRONTEND=noninteractive; ${purge} >/dev/null 2>&1; systemctl restart ovs-port-agent`,
    );
    await startAndStop(withContainer);
    await expectNothingWrong();
  });
});
