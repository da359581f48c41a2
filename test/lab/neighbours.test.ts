// What belongs to somebody else stays theirs: the host's cards, other bridges, other guests' ports and numbers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable } from './pings.ts';
import { expectWholeStories } from './stories.ts';

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('neighbours');
});

afterAll(() => host?.down());

const portNames = async () => (await host.traces()).ports.map(({ port }) => port);
const reasons = async () =>
  (await host.ledger())
    .filter(({ action }) => action === 'guest_skipped')
    .flatMap(({ data }) => data.reasons as string[]);
const dockerRun = (name: string, address: string, labels = '') =>
  host.sh(`docker run -d --name ${name} --label dev.ovs.portagent.address=${address}/24 ${labels} opa-test`);

describe("the host's own network card", () => {
  it('stays the host’s when a container has a macvlan on it', async () => {
    await host.sh(`
      ip link add eno1 type veth peer name outside; ip link set outside up
      nmcli device set eno1 managed no
      ip address add 192.0.2.10/24 dev eno1; ip link set eno1 up
      lxc-guest create macvlan
      sed -i 's/^lxc.net.0.type = veth/lxc.net.0.type = macvlan\\nlxc.net.0.link = eno1/' /var/lib/lxc/macvlan/config
      lxc-guest start macvlan`);
    await eventually(host.ledger, (blocks) =>
      expect(blocks.map(({ action }) => action)).toContain('guest_start_host'),
    );
    expect(await portNames()).toEqual([]);
    expect(await host.sh('ip -json address show dev eno1')).toContain('192.0.2.10');
    await host.sh('lxc-guest stop macvlan; lxc-guest destroy macvlan');
  });
});

describe('an LXC container', () => {
  it('that LXC put on a Linux bridge stays there, reachable as before', async () => {
    await host.sh(`
      ip link show lxcbr0 >/dev/null 2>&1 || ip link add lxcbr0 type bridge
      ip address replace 10.9.9.1/24 dev lxcbr0; ip link set lxcbr0 up
      lxc-guest create stock --link lxcbr0 --ip 10.9.9.50/24; lxc-guest start stock`);
    await eventually(reasons, (seen) =>
      expect(seen).toContainEqual(expect.stringContaining('lxcbr0 is not an OVS bridge')),
    );
    await expectReachable(host, '10.9.9.50');
    expect(await portNames()).toEqual([]);
    await host.sh('lxc-guest stop stock');
  });

  it('on an OVS bridge of another name than the default is adopted there', async () => {
    await host.sh('lxc-guest create other --link ovsbr1; lxc-guest start other');
    await eventually(host.traces, ({ ports }) =>
      expect(ports).toMatchObject([{ bridge: 'ovsbr1', usable: true, owner: { guest: 'other' } }]),
    );
    await host.sh('lxc-guest stop other');
  });

  it('does not get the number of a container that runs', async () => {
    await dockerRun(
      'holder',
      '10.0.0.30',
      '--label dev.ovs.portagent.bridge=ovsbr0 --label dev.ovs.portagent.vmid=300',
    );
    await eventually(portNames, (names) => expect(names).toEqual(['vi300']));
    await host.sh('lxc-guest create 300; lxc-guest start 300');
    await eventually(host.ledger, (blocks) =>
      expect(blocks.find(({ action }) => action === 'port_held')?.data).toMatchObject({
        port: 'vi300',
        code: 'name-taken',
      }),
    );
    await expectReachable(host, '10.0.0.30');
    await host.sh('lxc-guest stop 300; docker rm -f holder');
    await eventually(portNames, (names) => expect(names).toEqual([]));
  });
});

describe('a Docker container', () => {
  it('keeps port and address when it is renamed, also when two swap their names', async () => {
    await dockerRun('netmaker-a', '203.0.113.21');
    await dockerRun('netmaker-b', '203.0.113.22');
    await eventually(portNames, (names) => expect(names).toHaveLength(2));
    const before = await portNames();
    await host.sh(`
      docker rename netmaker-a netmaker-c; docker rename netmaker-b netmaker-a; docker rename netmaker-c netmaker-b`);
    await eventually(
      async () =>
        JSON.parse((await host.cli('list', '--json')).stdout) as { guest: string; address: string }[],
      (ports) =>
        expect(Object.fromEntries(ports.map(({ guest, address }) => [guest, address]))).toEqual({
          'netmaker-b': '203.0.113.21/24',
          'netmaker-a': '203.0.113.22/24',
        }),
    );
    await host.cli('reconcile');
    expect(await portNames()).toEqual(before);
    await expectReachable(host, '203.0.113.21');
    await expectReachable(host, '203.0.113.22');
  });

  it('with a number that another one has keeps nobody else from being repaired', async () => {
    const label = '--label dev.ovs.portagent.bridge=ovsbr0 --label dev.ovs.portagent.vmid=4711';
    await dockerRun('first', '10.0.0.41', label);
    await dockerRun('second', '10.0.0.42', label);
    await eventually(host.ledger, (blocks) =>
      expect(blocks.find(({ action }) => action === 'event_failed')?.data).toMatchObject({
        name: 'second',
        code: 'name-taken',
      }),
    );
    await host.sh(
      'nmcli -t -f UUID,NAME connection | grep vi1000 | cut -d: -f1 | xargs nmcli connection delete',
    );
    expect((await host.cli('reconcile')).exitCode).toBe(0);
    await expectReachable(host, '203.0.113.21');
    await host.sh('docker rm -f first second');
  });

  it('keeps its port when word comes of the end of a former one of its name', async () => {
    await host.stopAgent();
    await host.sh('docker rm -f netmaker-a');
    await dockerRun('netmaker-a', '203.0.113.22');
    await host.startAgent();
    await eventually(host.ledger, (seen) => {
      const restart = seen.findLast(({ action }) => action === 'agent_started')?.height ?? 0;
      const after = seen.filter(({ height }) => height > restart).map(({ action }) => action);
      expect(after).toEqual(expect.arrayContaining(['guest_die', 'guest_destroy', 'guest_start']));
      expect(after).not.toContain('port_detached');
    });
    await expectReachable(host, '203.0.113.22');
    await eventually(host.ledger, expectWholeStories);
  });

  it('on two networks of Docker has its port beside them', async () => {
    await host.sh(`
      docker network create one; docker network create two
      docker create --name netmaker-both --label dev.ovs.portagent.address=203.0.113.23/24 --network one opa-test
      docker network connect two netmaker-both; docker start netmaker-both`);
    await expectReachable(host, '203.0.113.23');
    await host.sh('docker rm -f netmaker-both; docker network rm one two');
  });

  it('with an interface of that name of its own is told so, and is not counted as having a port', async () => {
    await host.sh(
      `docker run --detach --name netmaker-two --label dev.ovs.portagent.interface=eth0 opa-test`,
    );
    await eventually(
      async () => JSON.parse((await host.cli('status', '--json')).stdout) as { waiting: { code: string }[] },
      ({ waiting }) => expect(waiting).toMatchObject([{ code: 'interface-taken' }]),
    );
    expect((await host.cli('list')).stdout).not.toContain('netmaker-two');
    await host.sh('docker rm -f netmaker-two');
    await eventually(
      async () => JSON.parse((await host.cli('status', '--json')).stdout) as { waiting: unknown[] },
      ({ waiting }) => expect(waiting).toEqual([]),
    );
  });
});

describe('the ledger', () => {
  it('verifies after all of this, with an outcome for every intent', async () => {
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
    await eventually(host.ledger, expectWholeStories);
  });
});
