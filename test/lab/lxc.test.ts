// Plain LXC containers: found without a word of a hook, held by nobody else, in their own VLAN, and what explain says of them.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type AgentHost, watched } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { upHost } from './host.ts';
import { expectReachable } from './pings.ts';
import { expectWholeStories } from './stories.ts';

let host: AgentHost;

/** The timer is as good as off. */
const CONFIG = `reconcile_interval = 86400
vmid_range = [1000000, 1000003]
vmid_cooldown = 0
[bridges.ovsbr0]
addresses = ["10.0.0.1/24"]
`;

beforeAll(async () => {
  const raw = await upHost('trixie', 'lxc');
  host = watched(raw);
  await host.sh(`
    mkdir -p /etc/ovs-port-agent; cat >/etc/ovs-port-agent/config.toml <<'END'\n${CONFIG}END
    echo 'Dpkg::Options { "--force-confold"; };' >/etc/apt/apt.conf.d/90lab
    ovs-bridge ovsbr0 10.0.0.1/24
    ip link add lxcbr9 type bridge; ip link set lxcbr9 up
    lxc-guest create early --link ovsbr0 --ip 10.0.0.20/24; lxc-guest start early
    lxc-guest create stock --link lxcbr9; lxc-guest start stock`);
  await raw.installDeb(inject('deb'));
});

afterAll(() => host?.down());

const guestsOf = async () =>
  Object.fromEntries((await host.traces()).ports.map(({ owner, port }) => [owner.guest ?? '', port]));
const explain = async (what: string) => host.cli('explain', what);
const waiting = async () =>
  (JSON.parse((await host.cli('status', '--json')).stdout) as { waiting: { port: string; code: string }[] })
    .waiting;
/** What a killed hook leaves: nothing, and LXC goes on. */
const withoutHook = async (script: string) => {
  const hook = '/var/lib/ovs-port-agent/hooks/lxc';
  await host.sh(
    `mv ${hook} ${hook}.away; printf '#!/bin/sh\\nexit 0\\n' >${hook}; chmod 755 ${hook}; ${script}`,
  );
  return host.sh(`mv ${hook}.away ${hook}`);
};

describe('a container that no hook tells of', () => {
  it('has its port when the package is installed while it runs', async () => {
    await eventually(guestsOf, (guests) => expect(guests).toMatchObject({ early: 'vi1000000' }));
    await expectReachable(host, '10.0.0.20');
    expect((await explain('early')).exitCode).toBe(0);
    const doctor = (await host.cli('doctor')).stdout;
    expect(doctor).toMatch(/1 run and have their ports/);
    expect(doctor).toMatch(/run without a port: stock/);
    expect((await explain('stock')).stderr).toMatch(
      /LXC container stock runs and has no port: veth\w+: lxcbr9 is not an OVS bridge/,
    );
  });

  it('has its port within 10 s, and has none within 10 s after its end', async () => {
    const name = 'n'.repeat(100);
    await host.sh(`lxc-guest create late --link ovsbr0; lxc-guest create ${name} --link ovsbr0
      sed -i /uts.name/d /var/lib/lxc/${name}/config`);
    let began = Date.now();
    await withoutHook(`lxc-guest start late; lxc-guest start ${name}`);
    await eventually(guestsOf, (guests) =>
      expect(guests).toMatchObject({ late: expect.anything(), [name]: expect.anything() }),
    );
    const recreations = Date.now() - began;
    began = Date.now();
    await withoutHook(`lxc-guest stop late; lxc-guest stop ${name}`);
    await eventually(guestsOf, (guests) => expect(Object.keys(guests)).toEqual(['early']));
    const gone = Date.now() - began;
    expect({ recreations: recreations < 10_000, gone: gone < 10_000 }).toEqual({
      recreations: true,
      gone: true,
    });
    await host.sh(`lxc-guest destroy late; lxc-guest destroy ${name}`);
  });
});

describe('a container with another MAC at each start', () => {
  it('answers at once, also whom it spoke with before', async () => {
    // LXC's own default: no lxc.net.N.hwaddr.
    await host.sh('lxc-guest create anew --link ovsbr0 --ip 10.0.0.30/24');
    for (const _ of [1, 2, 3]) {
      await host.sh('lxc-guest start anew');
      // Who has an old MAC keeps it for 15 s at the least.
      await expectReachable(host, '10.0.0.30', 10);
      await host.sh('lxc-guest stop anew');
    }
    const told = (await host.ledger()).filter(
      ({ action, data }) => action === 'address_announced' && data.guest === 'anew',
    );
    expect(told.map(({ data }) => data.addresses)).toEqual([['10.0.0.30'], ['10.0.0.30'], ['10.0.0.30']]);
    await host.sh('lxc-guest destroy anew');
  });
});

describe('a mark alone', () => {
  it('has no uplink removed, and doctor says how to take it off', async () => {
    await host.sh(`
      ip link add eno1 type veth peer name eno1-wire; ip link set eno1 up; ip link set eno1-wire up
      ovs-vsctl add-port ovsbr0 eno1 -- set Port eno1 external_ids:ovs-port-agent.vmid=999`);
    await host.cli('reconcile');
    await host.sh('ovs-vsctl list-ports ovsbr0 | grep -x eno1');
    await host.sh(`
      ovs-vsctl set Port eno1 external_ids:ovs-port-agent.vmid=999 external_ids:ovs-port-agent.nic=0 \
        external_ids:ovs-port-agent.port=vi999 external_ids:ovs-port-agent.runtime=lxc`);
    await host.cli('reconcile');
    await host.sh('ovs-vsctl list-ports ovsbr0 | grep -x eno1');
    const findings = JSON.parse((await host.cli('doctor', '--json')).stdout) as {
      text: string;
      remedy?: string;
    }[];
    const found = findings.find(({ text }) => text.includes('is no port of ours'));
    await host.sh(found?.remedy ?? 'false');
    expect(await host.sh('ovs-vsctl get Port eno1 external_ids')).not.toContain('vmid');
    await host.sh('ovs-vsctl del-port eno1; ip link delete eno1');
  });
});

describe('a container that makes a card with the numbers of another one’s', () => {
  it('does not get that one’s port, and the ledger does not grow', async () => {
    await host.sh('lxc-guest create thief --link ovsbr0; lxc-guest start thief');
    await eventually(guestsOf, (guests) => expect(guests).toMatchObject({ thief: expect.anything() }));
    const before = await guestsOf();
    await host.sh(`
      thief=$(lxc-info -n thief -p -H); early=$(lxc-info -n early -p -H)
      inner=$(nsenter -t $early -n ip -json link show dev eth0 | jq '.[0].ifindex')
      outer=$(nsenter -t $early -n ip -json link show dev eth0 | jq '.[0].link_index')
      nsenter -t $thief -n ip link delete eth0
      systemd-run --quiet --unit=nested nsenter -t $thief -n unshare -n sleep 600
      sleep 1
      nested=$(systemctl show --property MainPID --value nested)
      nsenter -t $thief -n ip link add fake index $inner type veth peer name other index $outer netns $nested
      nsenter -t $thief -n ip -json link show dev fake | jq -e ".[0].link_index == $outer and .[0].ifindex == $inner"`);
    await host.cli('reconcile');
    const event = {
      id: 'as-if-started',
      at: new Date().toISOString(),
      source: 'lxc',
      phase: 'start-host',
      name: 'thief',
      pid: Number(await host.sh('lxc-info -n thief -p -H')),
    };
    await host.call('lifecycle_event', 's', JSON.stringify(event));
    const height = (await host.ledger()).length;
    await host.cli('reconcile');
    expect((await host.traces()).ports.map(({ owner, port }) => [owner.guest, port])).toEqual([
      ['early', before.early],
    ]);
    await expectReachable(host, '10.0.0.20');
    expect((await host.ledger()).length - height).toBeLessThan(5);
    await host.sh('systemctl stop nested; lxc-guest stop thief; lxc-guest destroy thief');
  });
});

describe('the port of a container that runs', () => {
  it('is not taken off by hand; the remedy does it', async () => {
    const port = (await guestsOf()).early ?? '';
    const refused = await host.cli('remove-interface', port);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/belongs to the running guest early \(lxc\) \[port-in-use\].*lxc\.net/);
    await expect(host.call('del_port', 's', port)).rejects.toThrow(/port-in-use/);
    await expectReachable(host, '10.0.0.20');
    const before = (await host.ledger()).length;
    await host.sh(`
      sed -i.before 's/^lxc.net.0.link = .*/lxc.net.0.link = lxcbr9/' /var/lib/lxc/early/config
      lxc-guest stop early; lxc-guest start early`);
    try {
      // Numbers of former containers may be released just then, in a block of its own.
      await eventually(host.ledger, (blocks) =>
        expect(blocks.slice(before).map(({ action }) => action)).toContain('guest_skipped'),
      );
      expect(await guestsOf()).toEqual({});
    } finally {
      await host.sh('lxc-guest stop early; mv /var/lib/lxc/early/config.before /var/lib/lxc/early/config');
      await host.sh('lxc-guest start early');
    }
    await eventually(guestsOf, (guests) => expect(guests).toEqual({ early: port }));
  });

  it('keeps the VLAN that LXC has set, also when it is made anew; explain does not speak against it', async () => {
    await host.sh(`
      lxc-guest create tagged --link ovsbr0
      echo 'lxc.net.0.veth.vlan.id = 5' >>/var/lib/lxc/tagged/config
      lxc-guest start tagged`);
    const tagOf = async () => (await host.traces()).ports.find(({ owner }) => owner.guest === 'tagged')?.tag;
    await eventually(tagOf, (tag) => expect(tag).toBe(5));
    expect(await explain('tagged')).toMatchObject({ exitCode: 0 });
    const port = (await guestsOf()).tagged ?? '';
    await host.sh(`ovs-vsctl del-port ${port}`);
    await eventually(tagOf, (tag) => expect(tag).toBe(5));
    await host.sh(`ovs-vsctl set Port ${port} tag=9`);
    const { stdout } = await explain('tagged');
    expect(stdout).toContain('its VLAN is 9, access, and should be 5');
    await host.sh(stdout.split('\n').at(-1) ?? 'false');
    expect(await tagOf()).toBe(5);
    expect(await explain('tagged')).toMatchObject({ exitCode: 0 });
    await host.sh('lxc-guest stop tagged; lxc-guest destroy tagged');
  });
});

describe('what explain proposes for a container', () => {
  const cases: [what: string, provoke: (link: string, port: string) => string, fault: string][] = [
    ['a link that is down', (link) => `ip link set ${link} down`, 'link-down'],
    [
      'a port that is gone while the agent is away',
      (_, port) => `systemctl stop ovs-port-agent; ovs-vsctl del-port ${port}`,
      'agent-unreachable',
    ],
    ['a VLAN of somebody else’s', (_, port) => `ovs-vsctl set Port ${port} tag=7`, ''],
  ];
  it.each(cases)('mends it or is none: %s', async (_, provoke, fault) => {
    const [row] = (await host.traces()).ports;
    await host.sh(provoke(row?.interface ?? '', row?.port ?? ''));
    const faults = async () =>
      (
        JSON.parse((await host.cli('explain', 'early', '--json')).stdout) as {
          faults: { fault: string; remedy: string }[];
        }[]
      ).flatMap((one) => one.faults);
    const found = await faults();
    expect(found.map((one) => one.fault).slice(0, 1)).toEqual(fault === '' ? [] : [fault]);
    for (const { remedy } of found) {
      const command = /(?:^|: )((?:ip|ovs-vsctl|ovs-port-agent|systemctl) .*)$/.exec(remedy)?.[1];
      if (command !== undefined) await host.sh(`${command} || true`);
    }
    await eventually(faults, (left) => expect(left).toEqual([]));
    await host.sh(`ovs-vsctl clear Port ${row?.port} tag`);
    await expectReachable(host, '10.0.0.20');
  });
});

describe('a card without a link', () => {
  it('waits for a bridge that is not there, is shown, and has its port when the bridge comes', async () => {
    await host.sh(`
      printf '[lxc]\\nbridge = "ovsbr7"\\n[bridges.ovsbr7]\\ncreate = false\\n' >>/etc/ovs-port-agent/config.toml
      systemctl restart ovs-port-agent
      lxc-guest create waits; lxc-guest start waits`);
    await eventually(waiting, (list) => expect(list).toMatchObject([{ code: 'bridge-missing' }]));
    expect((await host.cli('status')).exitCode).toBe(1);
    expect((await explain('waits')).stdout).toContain('there is no OVS bridge ovsbr7');
    await host.sh('ovs-bridge ovsbr7 10.7.0.1/24');
    await eventually(guestsOf, (guests) => expect(guests).toMatchObject({ waits: expect.anything() }));
    await eventually(waiting, (list) => expect(list).toEqual([]));
    await host.sh('lxc-guest stop waits; lxc-guest destroy waits');
  });
});

describe('numbers', () => {
  it('of containers that were destroyed are given out again', async () => {
    for (const name of ['a', 'B', 'b', 'c.d', 'e_f', 'g']) {
      await host.sh(`lxc-guest create ${name} --link ovsbr0; lxc-guest start ${name}`);
      await eventually(guestsOf, (guests) => expect(guests).toMatchObject({ [name]: expect.anything() }));
      await host.sh(`lxc-guest stop ${name}; lxc-guest destroy ${name}`);
    }
    await eventually(guestsOf, (guests) => expect(Object.keys(guests)).toEqual(['early']));
    const kept = JSON.parse(await host.sh('cat /var/lib/ovs-port-agent/vmids.json')) as {
      allocations: Record<string, { vmid: number; releasedAt: number | null }>;
    };
    expect(kept.allocations['lxc:early']).toMatchObject({ vmid: 1_000_000, releasedAt: null });
  });
});

describe('the ledger', () => {
  it('verifies after all of this, with an outcome for every intent', async () => {
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
    await eventually(host.ledger, expectWholeStories);
  });
});
