// The daemons around the agent restart, guests die at once or start in a crowd: ports follow, and nothing stays behind.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, NO_TRACES, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable } from './pings.ts';
import { expectWholeStories } from './stories.ts';
import { toldOnFailure } from './told-on-failure.ts';

let host: AgentHost;

const START = 'qm start 101; lxc-guest start web; docker start netmaker-server';
const ADDRESSES = ['10.0.0.101', '10.0.0.50', '203.0.113.10'];
const BACK_WITHIN_MS = 15_000;

beforeAll(async () => {
  host = await upAgentHost('daemon-faults');
  await host.sh(`
    qm create 101 --hookscript ${SNIPPET} --ipconfig0 ip=10.0.0.101/24 --net0 virtio,bridge=ovsbr0
    lxc-guest create web --link ovsbr0 --ip 10.0.0.50/24
    docker create --name netmaker-server --network none --label dev.ovs.portagent.address=203.0.113.10/24 opa-test`);
});

afterAll(() => host?.down());
toldOnFailure(() => host);

/** A VM, an LXC and a Docker container have their usable ports, and answer. */
async function expectAllConnected(): Promise<void> {
  await eventually(
    host.traces,
    ({ ports }) =>
      expect(ports.map(({ port, usable, bridge }) => [port.slice(0, 6), bridge, usable])).toEqual([
        ['vi1000', 'ovsbr0', true],
        ['vi1000', 'ovsbr1', true],
        ['vi101', 'ovsbr0', true],
      ]),
    BACK_WITHIN_MS,
  );
  for (const address of ADDRESSES) await expectReachable(host, address);
  // Ports work before their bridge's own interface has its address again.
  await eventually(
    () => host.cli('status'),
    (status) =>
      expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Nothing waits.') }),
    BACK_WITHIN_MS,
  );
}

describe('ports that are up', () => {
  beforeAll(() => host.sh(START));

  it.each([
    ['NetworkManager', 'systemctl restart NetworkManager'],
    ['Open vSwitch', 'systemctl restart openvswitch-switch'],
    ['the agent', 'systemctl restart ovs-port-agent'],
  ])('are there, without anyone asking, after a restart of %s', async (_, restart) => {
    await expectAllConnected();
    await host.sh(restart);
    await expectAllConnected();
  });

  it('are there when the containers that Docker stopped with itself run again', async () => {
    await host.sh('systemctl restart docker');
    await eventually(host.traces, ({ ports }) =>
      expect(ports.map(({ bridge }) => bridge)).not.toContain('ovsbr1'),
    );
    await host.sh('docker start netmaker-server');
    await expectAllConnected();
  });
});

describe('a bridge', () => {
  it('gets an address that is new in the configuration, and keeps its guests', async () => {
    await host.sh(`
      sed -i 's#"10.0.0.1/24"#"10.0.0.1/24", "10.1.0.1/24"#' /etc/ovs-port-agent/config.toml
      systemctl restart ovs-port-agent`);
    await eventually(
      () =>
        host.sh(
          'ip -json addr show ovsbr0 | jq -c "[.[].addr_info[] | select(.family == \\"inet\\").local]"',
        ),
      (addresses) => expect(JSON.parse(addresses)).toEqual(['10.0.0.1', '10.1.0.1']),
    );
    await expectAllConnected();
  });
});

describe('guests that are killed', () => {
  it.each([
    ['a VM', 'kill -KILL $(cat /var/run/qemu-server/101.pid)', 'vi101'],
    ['a Docker container, by Docker', 'docker kill netmaker-server', 'ovsbr1'],
    [
      'an LXC container with its monitor',
      'init=$(lxc-info -n web -p -H); kill -KILL $(ps -o ppid= -p $init) $init',
      'ovsbr0',
    ],
  ])('%s: no row, no profile, no device, no binding is left', async (_, kill, mark) => {
    await host.sh(kill);
    await eventually(host.traces, (seen) =>
      expect(seen.ports.map(({ port, bridge }) => `${port} ${bridge}`).join()).not.toContain(mark),
    );
    const left = await host.traces();
    await eventually(host.traces, (seen) => {
      expect(seen.bindings).toHaveLength(seen.ports.length);
      expect(seen.profiles).toHaveLength(2 * seen.ports.length);
    });
    expect(left.ports.length).toBeLessThan(3);
  });

  it('a Docker container, by a signal to its process: nothing is left of all three', async () => {
    await host.sh('docker start netmaker-server');
    await eventually(host.traces, ({ ports }) => expect(ports).toHaveLength(1));
    await host.sh(`kill -KILL $(docker inspect -f '{{.State.Pid}}' netmaker-server)`);
    await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
    await eventually(host.ledger, expectWholeStories);
  });
});

describe('guests that start while NetworkManager is stopped', () => {
  it('start, wait visibly, and are connected when it is back', async () => {
    await host.sh('systemctl stop NetworkManager');
    const began = performance.now();
    await host.sh(START);
    expect(performance.now() - began).toBeLessThan(3 * 10_000);
    expect(await host.cli('status')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('NOT READY: NetworkManager, which drives ovsbr0, is not running'),
    });
    await host.sh('systemctl start NetworkManager');
    await expectAllConnected();
    await host.sh('qm stop 101; lxc-guest stop web; docker stop netmaker-server');
    await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
  });
});

describe('twenty guests at once', () => {
  const NUMBERS = Array.from({ length: 20 }, (_, at) => at + 1);

  it.each([
    [
      'Docker containers',
      (n: number) => `docker run -d --name netmaker-${n} --network none opa-test`,
      (n: number) => `docker rm -f netmaker-${n}`,
    ],
    [
      'LXC containers',
      (n: number) => `lxc-guest create ${400 + n}; lxc-guest start ${400 + n}`,
      (n: number) => `lxc-guest stop ${400 + n}`,
    ],
  ])('%s: twenty different ports, none lost, and none left when all stop at once', async (_, start, stop) => {
    const before = (await host.ledger()).length;
    await host.sh(`${NUMBERS.map((n) => `(${start(n)}) &`).join('\n')}\nwait`);
    const { ports } = await eventually(host.traces, (seen) => expect(seen.ports).toHaveLength(20));
    expect(new Set(ports.map(({ port }) => port)).size).toBe(20);
    expect(new Set(ports.map(({ interface: link }) => link)).size).toBe(20);
    expect(ports.filter(({ usable, owner }) => !usable || owner.vmid === undefined)).toEqual([]);
    const blocks = (await host.ledger()).slice(before);
    expect(blocks.filter(({ action }) => action.endsWith('_failed'))).toEqual([]);
    await host.sh(`${NUMBERS.map((n) => `(${stop(n)}) &`).join('\n')}\nwait`);
    await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
    await eventually(host.ledger, expectWholeStories);
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
  });
});

// Last: on the netdev datapath it leaves NetworkManager 1.58 with a bridge that is "activating" for ever, in which
// everything works, but which a later `systemctl stop NetworkManager` takes away.
describe('NetworkManager that is killed', () => {
  beforeAll(() => host.sh(START));

  it('comes back to ports that are there, and a bridge that has its address', async () => {
    await expectAllConnected();
    for (const _ of [1, 2]) {
      await host.sh('kill -KILL $(pidof NetworkManager)');
      await expectAllConnected();
    }
  });
});
