// Files and names that nobody should write: the one they are about is told why, and its neighbour notices nothing.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable, lostDuring } from './pings.ts';
import { expectWholeStories } from './stories.ts';

let host: AgentHost;

const NEIGHBOUR = '10.0.0.201';
const CONFIG = '/etc/pve/qemu-server/101.conf';
/** What no person should have to read. */
const EXCEPTION = /ZodError|undefined|\bat \S+:\d+|[{}]|Unexpected token/;

beforeAll(async () => {
  host = await upAgentHost('bad-input', '', 'trixie');
  await host.sh(`
    qm create 101 --name shop --hookscript ${SNIPPET} --ipconfig0 ip=10.0.0.101/24 --net0 virtio,bridge=ovsbr0
    qm start 101
    pct create 201 --hookscript ${SNIPPET} --net0 name=eth0,bridge=ovsbr0,ip=${NEIGHBOUR}/24
    pct start 201
    cp ${CONFIG} /root/good.conf`);
  await expectPorts();
  await expectReachable(host, '10.0.0.101');
  await expectReachable(host, NEIGHBOUR);
});

afterAll(() => host?.down());

afterEach(async () => {
  await expectPorts();
  expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
  await eventually(host.ledger, expectWholeStories);
});

const expectPorts = () =>
  eventually(host.traces, ({ ports }) => {
    expect(ports.map(({ port, usable }) => [port, usable])).toEqual([
      ['vi101', true],
      ['vi201', true],
    ]);
  });

/** What the hookscript says on the console of a task; it must be one line, and must not stop the guest. */
async function hookSays(vmid: number, phase: string): Promise<string> {
  const hook = ['/var/lib/vz/snippets/ovs-port-agent', String(vmid), phase];
  const { stdout, stderr, exitCode } = await host.exec(hook);
  expect([exitCode, stderr]).toEqual([0, '']);
  expect(stdout.split('\n')).toHaveLength(1);
  expect(stdout).not.toMatch(EXCEPTION);
  return stdout;
}

const lastReasons = async () =>
  (await host.ledger()).findLast(({ action }) => action === 'guest_skipped')?.data.reasons;

describe("a guest's configuration", () => {
  it.each([
    ['of random bytes', 'head -c 4096 /dev/urandom', /^ovs-port-agent: /, undefined],
    ['of one line as long as a file can be', `head -c 1048576 /dev/zero | tr '\\0' x`, /not "key: value"/, 1],
    [
      'larger than Proxmox lets a file be',
      `head -c 1048577 /dev/zero | tr '\\0' x`,
      /larger than 1048576/,
      1,
    ],
    [
      'with keys that nobody knows',
      'cat /root/good.conf; echo "frobnicate: 7"',
      /vi101 is on ovsbr0/,
      undefined,
    ],
    ['with half a line', 'head -c 20 /root/good.conf; echo', /^ovs-port-agent: /, undefined],
    ['with a card that cannot be', 'echo "net0: virtio,bridge=../../x,tag=99999"', /net0: /, 1],
    ['that is empty', 'true', /^ovs-port-agent: /, undefined],
  ])('%s costs neither its guest the port nor its neighbour a packet', async (_, bytes, says, reasons) => {
    const lost = await lostDuring(host, NEIGHBOUR, async () => {
      await host.sh(`(${bytes}) >${CONFIG}.tmp; mv ${CONFIG}.tmp ${CONFIG}`);
      expect(await hookSays(101, 'post-start')).toMatch(says);
      expect((await host.cli('reconcile')).exitCode).toBe(0);
      await expectPorts();
    });
    expect(lost).toBe(0);
    if (reasons !== undefined) expect(await lastReasons()).toEqual([expect.stringMatching(says)]);
    await expectReachable(host, '10.0.0.101');
    await host.sh(`cp /root/good.conf ${CONFIG}`);
    expect((await host.cli('reconcile')).exitCode).toBe(0);
  });
});

describe('the tree of Proxmox', () => {
  it('with half a .vmlist keeps no guest from its port', async () => {
    await host.sh(`head -c 25 /etc/pve/.vmlist >/root/half; cat /root/half >/etc/pve/.vmlist`);
    expect((await host.cli('reconcile')).exitCode).toBe(0);
    await host.sh('pct stop 201; pct start 201; pve-init');
    await expectReachable(host, NEIGHBOUR);
  });

  it.each([
    ['vanishes', 'true'],
    ['is empty, for want of pmxcfs', 'mkdir /etc/pve'],
    ['is a file', 'echo >/etc/pve'],
  ])('that %s takes no port from a guest that runs, also over a restart of the agent', async (_, instead) => {
    await host.sh(`mv /etc/pve /root/pve; ${instead}`);
    try {
      const lost = await lostDuring(host, NEIGHBOUR, async () => {
        await host.cli('reconcile');
        await host.sh('systemctl restart ovs-port-agent');
        await host.cli('reconcile');
      });
      expect(lost).toBe(0);
      expect(await hookSays(101, 'post-start')).toMatch(/configuration|\/etc\/pve/);
      await expectPorts();
    } finally {
      await host.sh('rm -rf /etc/pve; mv /root/pve /etc/pve');
    }
    expect((await host.cli('reconcile')).exitCode).toBe(0);
  });
});

describe('a bridge of our configuration that is a Linux bridge', () => {
  it('is left alone, and whoever wants a port on it is told so', async () => {
    await host.sh(`
      ip link add vmbr9 type bridge; ip link set vmbr9 up
      printf '[bridges.vmbr9]\\n' >>/etc/ovs-port-agent/config.toml
      systemctl restart ovs-port-agent
      pct create 202 --net0 name=eth0,bridge=vmbr9 --hookscript ${SNIPPET}`);
    const task = await host.sh('pct start 202 2>&1; cat /var/log/pve/tasks/202.log');
    expect(task).toContain('skipped net0: it is plugged into vmbr9, which is not an OVS bridge');
    expect(task).not.toMatch(EXCEPTION);
    expect(await host.sh('cat /sys/class/net/veth202i0/master/uevent')).toContain('INTERFACE=vmbr9');
    const held = (await host.ledger()).filter(({ action }) => action === 'port_held');
    expect(held.map(({ data }) => [data.port, data.code])).toContainEqual(['vmbr9', 'bridge-not-ovs']);
    const status = await host.cli('status');
    expect([status.exitCode, status.stdout]).toEqual([1, expect.stringContaining('vmbr9 is a Linux bridge')]);
    await expectReachable(host, NEIGHBOUR);
    await host.sh(`
      pct stop 202; pct destroy 202; ip link del vmbr9
      sed -i '/bridges.vmbr9/d' /etc/ovs-port-agent/config.toml; systemctl restart ovs-port-agent`);
    expect(await host.cli('status')).toMatchObject({ exitCode: 0 });
  });
});

describe('a name of a guest', () => {
  const names = [
    '$(touch /tmp/owned)`touch /tmp/owned`; touch /tmp/owned',
    '"], ["map", [["ovs-port-agent.vmid", "201"]]] --',
    '../../../etc/cron.d/x',
    '-rf --help',
    'пример-\u202etxt.exe',
    'x'.repeat(4000),
  ];

  it.each(names.map((name) => [name.slice(0, 40), name]))('is nothing but a name: %s', async (_, name) => {
    const lost = await lostDuring(host, NEIGHBOUR, async () => {
      await host.exec(['sh', '-c', 'cat >/etc/pve/qemu-server/150.conf'], {
        input: `name: ${name}\nnet0: virtio,bridge=ovsbr0\n`,
      });
      await host.sh(`
        pve-init; ip tuntap add tap150i0 mode tap; ip link set tap150i0 up
        ovs-vsctl add-port ovsbr0 tap150i0`);
      await eventually(host.traces, ({ ports }) =>
        expect(ports.find(({ port }) => port === 'vi150')?.owner).toMatchObject({ vmid: '150', guest: name }),
      );
    });
    expect(lost).toBe(0);
    const list = JSON.parse((await host.cli('list', '--json')).stdout) as { port: string; guest: string }[];
    expect(list.find(({ port }) => port === 'vi150')?.guest).toBe(name);
    expect((await host.cli('list')).stdout).not.toMatch(/\p{Cf}|\p{Cc}(?<!\n)/u);
    await host.sh(
      'rm /etc/pve/qemu-server/150.conf; pve-init; ip link del tap150i0; ovs-vsctl --if-exists del-port vi150',
    );
    expect((await host.exec(['ls', '/tmp/owned'])).exitCode).not.toBe(0);
    await expectPorts();
  });

  it('with control characters is not used: the port goes by the VMID', async () => {
    await host.exec(['sh', '-c', 'cat >/etc/pve/qemu-server/150.conf'], {
      input: 'name: \u001b[31mred\u0007\nnet0: virtio,bridge=ovsbr0\n',
    });
    await host.sh(`
      pve-init; ip tuntap add tap150i0 mode tap; ip link set tap150i0 up; ovs-vsctl add-port ovsbr0 tap150i0`);
    await eventually(host.traces, ({ ports }) =>
      expect(ports.find(({ port }) => port === 'vi150')?.owner).toMatchObject({ guest: '150' }),
    );
    await host.sh(
      'rm /etc/pve/qemu-server/150.conf; pve-init; ip link del tap150i0; ovs-vsctl --if-exists del-port vi150',
    );
  });
});
