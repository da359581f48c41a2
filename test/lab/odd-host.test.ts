// What hosts of users have and test hosts have not: udev, Proxmox's own units at boot, and /var on a disk with ideas of its own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, LXC_HOOK, NO_TRACES, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable } from './pings.ts';
import { expectWholeStories } from './stories.ts';
import { withUdev } from './udev.ts';

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('odd-host', '', 'trixie');
  await withUdev(host);
  await host.sh(`
    qm create 101 --hookscript ${SNIPPET} --onboot 1 --net0 virtio,bridge=ovsbr0
    pct create 201 --hookscript ${SNIPPET} --onboot 1 --net0 name=eth0,bridge=ovsbr0,ip=10.0.0.201/24
    lxc-guest create web --link ovsbr0 --ip 10.0.0.50/24
    for n in 1 2; do
      docker create --name netmaker-$n --network none --label dev.ovs.portagent.address=203.0.113.1$n/24 opa-test
    done`);
});

afterAll(() => host?.down());

const guests = async () => (await host.traces()).ports.map(({ owner, usable }) => [owner.guest, usable]);
const expectPorts = (...names: string[]) =>
  eventually(guests, (seen) => expect(seen.sort()).toEqual(names.sort().map((name) => [name, true])));
const expectNone = () => eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
const findings = async () =>
  JSON.parse((await host.cli('doctor', '--json')).stdout) as {
    check: string;
    state: string;
    text: string;
    remedy?: string;
  }[];

describe('udev, which gives each new device an address of its own', () => {
  it('is in nobody’s way: all kinds of guests start, are reached, and leave nothing', async () => {
    const addresses = new Set<string>();
    for (const _ of [1, 2]) {
      await host.sh('qm start 101; pct start 201; lxc-guest start web; docker start netmaker-1 netmaker-2');
      await expectPorts('101', '201', 'web', 'netmaker-1', 'netmaker-2');
      for (const address of ['10.0.0.201', '10.0.0.50', '203.0.113.11', '203.0.113.12'])
        await expectReachable(host, address);
      // By name udev would give all of them one address.
      for (const name of ['netmaker-1', 'netmaker-2'])
        addresses.add(await host.sh(`docker exec ${name} cat /sys/class/net/ovs0/address`));
      await host.sh(
        'qm stop 101; pct stop 201; lxc-guest stop web; docker stop -t 0 netmaker-1 netmaker-2; udevadm settle',
      );
      await expectNone();
    }
    expect(addresses.size).toBe(2);
    await eventually(host.ledger, expectWholeStories);
  });
});

describe("Proxmox's units at boot", () => {
  /** After=, Wants= as in pve-manager, pve-cluster and pve-ha-manager; `main` is what each runs. */
  const unit = (name: string, after: string, main = '/bin/true') => `
    printf '[Unit]\\nAfter=${after}\\n[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=${main}\\n[Install]\\nWantedBy=multi-user.target\\n' \\
      >/etc/systemd/system/${name}.service`;

  it('find the agent ready when guests start, and still there when they stop', async () => {
    await host.sh(`
      pve-init --boot-services; qm stop 101; pct stop 201
      ${unit('pve-cluster', 'network.target rrdcached.service')}
      ${unit('pvestatd', 'pve-cluster.service')}
      ${unit('pve-firewall', 'pve-cluster.service')}
      ${unit('pve-ha-lrm', 'pve-cluster.service pvestatd.service', '/usr/bin/ovs-port-agent status')}
      sed -i 's/^After=lxc.service/& pvestatd.service pve-firewall.service pve-ha-lrm.service/' /etc/systemd/system/pve-guests.service
      systemctl daemon-reload; systemctl enable --quiet pve-cluster pvestatd pve-firewall pve-ha-lrm
      qm start 101; pct start 201`);
    await expectPorts('101', '201');
    const { height } = (await host.ledger()).at(-1) ?? { height: 0 };
    await host.reboot();
    await expectPorts('101', '201');
    await expectReachable(host, '10.0.0.201');
    const since = (await host.ledger()).slice(height).map(({ action }) => action);
    expect(since.indexOf('agent_stopped')).toBeGreaterThan(
      since.lastIndexOf('guest_post_stop', since.indexOf('agent_started')),
    );
    expect(since.indexOf('guest_post_stop')).toBeGreaterThan(-1);
    expect(since.indexOf('guest_pre_start')).toBeGreaterThan(since.indexOf('agent_started'));
    expect(await host.sh('journalctl -b --no-pager')).not.toContain('ordering cycle');
    // High availability starts its guests from a unit of its own, before all others.
    expect(await host.sh('systemctl show -P Result pve-ha-lrm; systemctl is-active pve-ha-lrm')).toBe(
      'success\nactive',
    );
    await host.sh('qm stop 101; pct stop 201');
    await expectNone();
  });
});

describe('a /var of its own', () => {
  const mounted = async (options: string, story: () => Promise<void>) => {
    await host.sh(`
      systemctl stop ovs-port-agent
      mount --bind /var /var; mount -o remount,bind,${options} /var
      for kept in lib/lxc lib/vz log; do mount --bind /var/$kept /var/$kept; mount -o remount,bind,rw,exec /var/$kept; done
      systemctl start ovs-port-agent || true`);
    try {
      await story();
    } finally {
      await host.sh(`
        systemctl stop ovs-port-agent
        for kept in lib/lxc lib/vz log; do umount -l /var/$kept; done; umount -l /var; systemctl start ovs-port-agent`);
    }
  };

  it('that runs no programs keeps no container from starting, and doctor says whom it does', async () => {
    await mounted('noexec', async () => {
      await host.sh('lxc-guest start web; qm start 101');
      await expectPorts('101', 'web');
      expect((await host.ledger()).at(-1)?.action).toBeDefined();
      const hook = (await findings()).find(({ check }) => check === 'hook');
      expect(hook).toMatchObject({ state: 'warn', text: expect.stringContaining('mounted noexec') });
      await host.sh('lxc-guest stop web; qm stop 101');
      // The remedy.
      await host.sh(`lxc-guest create named --link ovsbr0
        echo 'lxc.net.0.script.up = ${hook?.remedy?.replace('Name it there as: ', '')}' >>/var/lib/lxc/named/config
        lxc-guest start named`);
      await expectPorts('named');
      await host.sh(
        'lxc-guest stop named; lxc-guest destroy named; mount -o remount,bind,noexec /var/lib/vz',
      );
      const snippet = (await findings()).find(({ check }) => check === 'snippet');
      expect(snippet).toMatchObject({ state: 'fail', text: expect.stringContaining('mounted noexec') });
      expect(await host.cli('proxmox', 'enroll', '101')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('mounted noexec [snippet-noexec]'),
      });
      await host.sh(
        `${snippet?.remedy?.split(', and')[0]?.replace('remount,exec', 'remount,bind,exec')}; qm start 101`,
      );
      await expectPorts('101');
      await host.sh('qm stop 101');
      await expectNone();
    });
  });

  it('without the hook starts containers all the same', async () => {
    await host.sh(`mv ${LXC_HOOK} /root/lxc; lxc-guest start web`);
    await expectPorts('web');
    await host.sh(`lxc-guest stop web; mv /root/lxc ${LXC_HOOK}`);
    await expectNone();
  });

  it('that cannot be written keeps no guest from starting, and that is said', async () => {
    await mounted('ro', async () => {
      await host.sh('qm start 101; pct start 201; lxc-guest start web');
      expect(await findings()).toContainEqual(
        expect.objectContaining({ state: 'fail', text: expect.stringMatching(/read-only/) }),
      );
      expect(await host.cli('status')).toMatchObject({
        exitCode: 3,
        stderr: expect.stringMatching(/its last start failed: .*(?:read-only|EROFS)/),
      });
      await host.sh('qm stop 101; pct stop 201; lxc-guest stop web; qm start 101');
    });
    await expectPorts('101');
    await host.sh('qm stop 101');
    await expectNone();
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
  });
});
