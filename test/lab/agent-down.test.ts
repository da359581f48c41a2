// Proxmox goes on without the agent: stopped for good, killed and not back, with a full disk, or removed.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AgentHost, BUS_NAME, SNIPPET, STATE, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable } from './pings.ts';
import { expectWholeStories } from './stories.ts';

let host: AgentHost;

const VM = 'virtio=BC:24:11:00:01:01,bridge=ovsbr0';
const CONTAINER = 'name=eth0,bridge=ovsbr0,hwaddr=BC:24:11:00:02:01,ip=10.0.0.201/24';

const rows = async () => (await host.sh('ovs-vsctl list-ports ovsbr0')).split('\n').filter(Boolean).sort();
const expectRows = (...names: string[]) => eventually(rows, (seen) => expect(seen).toEqual(names.sort()));
const unit = (verb: string) => host.sh(`systemctl ${verb} ovs-port-agent`);

/** Ends the agent and keeps systemd from starting it again. */
async function killAgent(): Promise<void> {
  await host.sh('systemctl mask --runtime ovs-port-agent; systemctl kill --signal KILL ovs-port-agent');
  await eventually(
    () => host.exec(['systemctl', 'is-active', 'ovs-port-agent']),
    ({ stdout }) => expect(stdout).toBe('failed'),
  );
}

beforeAll(async () => {
  host = await upAgentHost('agent-down', '', 'trixie');
  await host.sh(`
    qm create 101 --name shop --hookscript ${SNIPPET} --net0 ${VM}
    pct create 201 --hostname mail --net0 ${CONTAINER}`);
});
afterAll(() => host?.down());

beforeEach(async () => {
  await host.sh('systemctl unmask --runtime ovs-port-agent; systemctl start ovs-port-agent');
  await host.sh('qm stop 101 || true; pct stop 201 || true; qm start 101; pct start 201');
  await expectRows('vi101', 'vi201');
  await expectReachable(host, '10.0.0.201');
});

describe('an agent that is stopped for good', () => {
  it("gives every card back under Proxmox's name, and takes it again when it is back", async () => {
    await unit('stop');
    expect(await rows()).toEqual(['tap101i0', 'veth201i0']);
    const file = JSON.parse(await host.sh('cat /run/ovs-port-agent/bindings/vi101.json')) as object;
    expect(file).toMatchObject({ port: 'vi101', row: 'tap101i0' });
    await host.sh(`qm set 101 --net0 ${VM},tag=5; pct set 201 --net0 ${CONTAINER},tag=6`);
    expect(await rows()).toEqual(['tap101i0', 'veth201i0']);
    await host.sh(`qm set 101 --net0 ${VM}; pct set 201 --net0 ${CONTAINER}`);
    await unit('start');
    await expectRows('vi101', 'vi201');
    await expectReachable(host, '10.0.0.201');
    const blocks = await host.ledger();
    await eventually(host.ledger, expectWholeStories);
    expect(blocks.filter(({ action }) => action === 'port_handed_back')).not.toEqual([]);
  });

  it.each([['dbus.socket dbus ovs-port-agent'], ['ovs-port-agent dbus.socket dbus']])(
    'gives them back when the bus is stopped with it: %s',
    async (units) => {
      try {
        await host.sh(`systemctl stop ${units}`);
        expect(await rows()).toEqual(['tap101i0', 'veth201i0']);
        expect((await host.exec(['systemctl', 'is-failed', 'ovs-port-agent'])).stdout).toBe('inactive');
        await host.sh('qm stop 101; qm start 101; pct stop 201; pct start 201');
      } finally {
        await host.sh('systemctl start dbus.socket dbus ovs-port-agent');
      }
      await expectRows('vi101', 'vi201');
    },
  );

  it('has given them back when it is stopped while the bus keeps it from coming back', async () => {
    try {
      await host.sh('systemctl stop dbus.socket dbus');
      await expectRows('tap101i0', 'veth201i0');
      await eventually(
        () => host.sh('cat /run/ovs-port-agent/bindings/vi101.json'),
        (file) => expect(JSON.parse(file)).toMatchObject({ port: 'vi101', row: 'tap101i0' }),
      );
      await host.sh(`qm set 101 --net0 ${VM},tag=5; qm set 101 --net0 ${VM}`);
      await unit('stop');
      await host.sh('qm stop 101; qm start 101; pct stop 201; pct start 201');
    } finally {
      await host.sh('systemctl start dbus.socket dbus ovs-port-agent');
    }
    await expectRows('vi101', 'vi201');
    await expectReachable(host, '10.0.0.201');
    await eventually(host.ledger, expectWholeStories);
  });

  it('keeps its names over a restart, which is no stop for good', async () => {
    await unit('restart');
    expect(await rows()).toEqual(['vi101', 'vi201']);
  });
});

describe('an agent that died and does not come back', () => {
  it('is not in the way of guests that stop and start', async () => {
    await killAgent();
    await host.sh('qm stop 101; qm start 101; pct stop 201; pct start 201');
    expect(await rows()).toEqual(['tap101i0', 'veth201i0']);
    await expectReachable(host, '10.0.0.201');
    await host.sh('systemctl unmask --runtime ovs-port-agent; systemctl start ovs-port-agent');
    await expectRows('vi101', 'vi201');
    const swept = (await host.ledger()).filter(({ data }) => data.swept !== undefined);
    expect(swept.flatMap(({ data }) => data.swept)).toEqual(expect.arrayContaining(['vi101', 'vi201']));
  });

  it('is not in the way of a container that reboots from inside, which runs no hookscript', async () => {
    await killAgent();
    const before = await host.sh('lxc-info -n 201 -p -H');
    await host.exec(['pct', 'exec', '201', '--', 'reboot']);
    await eventually(
      () => host.exec(['lxc-info', '-n', '201', '-p', '-H']),
      ({ exitCode, stdout }) => expect(exitCode === 0 && stdout !== before).toBe(true),
    );
    await expectReachable(host, '10.0.0.201');
    expect(await rows()).toContain('veth201i0');
  });
});

describe('an agent that hangs', () => {
  it('is ended by systemd and started anew, so that guests without a hookscript start again', async () => {
    await host.sh(`
      mkdir -p /run/systemd/system/ovs-port-agent.service.d
      printf '[Service]\\nWatchdogSec=3\\nTimeoutAbortSec=1\\n' >/run/systemd/system/ovs-port-agent.service.d/quick.conf
      systemctl daemon-reload; systemctl restart ovs-port-agent`);
    await expectRows('vi101', 'vi201');
    const before = await host.sh('systemctl show --value --property MainPID ovs-port-agent');
    await host.sh(`kill -STOP ${before}`);
    await eventually(
      () => host.sh('systemctl show --value --property MainPID ovs-port-agent'),
      (pid) => expect(['0', before]).not.toContain(pid),
      30_000,
    );
    await host.sh('pct stop 201; pct start 201');
    await expectRows('vi101', 'vi201');
    await host.sh('rm -r /run/systemd/system/ovs-port-agent.service.d; systemctl daemon-reload');
  });
});

describe('a ledger that cannot be written', () => {
  it('keeps no guest from starting again that had a port before', async () => {
    await host.sh(`
      systemctl restart ovs-port-agent
      cp -a ${STATE} /root/state`);
    await host.sh(`
      mount -t tmpfs -o size=4m,mode=711 tmpfs ${STATE}
      cp -a /root/state/. ${STATE}
      systemctl restart ovs-port-agent
      dd if=/dev/zero of=${STATE}/filler bs=4k 2>/dev/null || true`);
    try {
      await host.sh('qm stop 101; qm start 101; pct stop 201; pct start 201');
      await expectReachable(host, '10.0.0.201');
    } finally {
      await host.sh(`rm -f ${STATE}/filler`);
    }
    await eventually(rows, (seen) => expect(seen).toEqual(['vi101', 'vi201']));
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
  });
});

/** Who else runs when the agent ends; programs of the agent's own run beside it while a Netmaker container has an address. */
const NEIGHBOURS: [who: string, start: string][] = [
  ['nobody else', ''],
  ['an LXC container', 'lxc-guest create web; lxc-guest start web'],
  [
    'a Docker container',
    'docker run -d --name web --label dev.ovs.portagent.enable=true --network none opa-test',
  ],
  ['a Netmaker container', 'docker run -d --name netclient-a opa-test'],
  [
    'attaches under way',
    'docker run -d --name netclient-a opa-test; for n in 1 2 3; do docker run -d --name netclient-b$n opa-test & done; wait',
  ],
];
/** After these it comes back by itself, and keeps its names meanwhile. */
const RESTARTS = [
  'systemctl kill --kill-whom=main --signal TERM ovs-port-agent',
  'systemctl kill --kill-whom=all --signal TERM ovs-port-agent',
  'dpkg -i /tmp/ovs-port-agent*.deb',
  'systemctl restart dbus',
];

describe('an agent that ends', () => {
  afterEach(() =>
    host.sh(`
      docker rm -f $(docker ps -aq) 2>/dev/null || true
      lxc-guest stop web 2>/dev/null || true; lxc-guest destroy web 2>/dev/null || true`),
  );

  /** What is in the ledger since `script` began, once `last` is there. */
  const told = async (script: string, last: string) => {
    const { height } = (await host.ledger()).at(-1) ?? { height: 0 };
    await host.sh(script);
    const since = async () => (await host.ledger()).slice(height).map(({ action }) => action);
    return eventually(since, (actions) => expect(actions).toContain(last));
  };

  it.each(NEIGHBOURS)('beside %s says so and gives cards back when it is stopped', async (_, start) => {
    await host.sh(start);
    const actions = await told('systemctl stop ovs-port-agent', 'agent_stopped');
    expect(actions.slice(-2)).toEqual(['port_hand_back', 'port_handed_back']);
    expect(await rows()).toEqual(expect.arrayContaining(['tap101i0', 'veth201i0']));
    await host.sh('qm stop 101; qm start 101; pct stop 201; pct start 201');
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
  });

  it('beside a Netmaker container says so and keeps its names when it is back at once', async () => {
    await host.sh('docker run -d --name netclient-a opa-test');
    for (const restart of RESTARTS) {
      const actions = await told(restart, 'agent_started');
      expect([restart, ...actions]).toContain('agent_stopped');
      expect(actions).not.toContain('port_hand_back');
      await eventually(
        () => host.cli('status'),
        ({ exitCode, stdout }) => expect([exitCode, stdout]).toEqual([0, stdout]),
      );
      expect(await rows()).toEqual(expect.arrayContaining(['vi101', 'vi201']));
    }
  });
});

describe('a bus that goes and comes back', () => {
  afterEach(() => host.sh('docker rm -f $(docker ps -aq) 2>/dev/null || true'));

  it.each([
    ['restarted', 'systemctl restart dbus'],
    ['killed', 'kill -KILL $(systemctl show -P MainPID dbus)'],
  ])('%s while guests come and go has the agent back at once, and all is right', async (_, script) => {
    await host.sh('docker run -d --name netclient-a opa-test');
    await expectRows('vi101', 'vi201');
    const { height } = (await host.ledger()).at(-1) ?? { height: 0 };
    const began = performance.now();
    await host.sh(
      `docker run -d --name netclient-b opa-test & docker stop -t 0 netclient-a & sleep 0.2; ${script}; wait`,
    );
    await eventually(
      () => host.exec(['busctl', 'status', BUS_NAME]),
      ({ exitCode }) => expect(exitCode).toBe(0),
    );
    await eventually(host.ledger, (blocks) =>
      expect(blocks.slice(height).map(({ action }) => action)).toContain('agent_started'),
    );
    // Alone on the machine it is one and a half; NetworkManager's start, which it once waited for, takes 25.
    expect(performance.now() - began).toBeLessThan(15_000);
    await eventually(
      () => host.cli('netmaker', 'list', '--json'),
      ({ stdout }) => {
        const containers = JSON.parse(stdout) as { container: string; decision: string }[];
        const attached = containers.filter(({ decision }) => decision === 'attached');
        expect(attached.map(({ container }) => container)).toEqual(['netclient-b']);
      },
    );
    await eventually(
      () => host.cli('status'),
      ({ exitCode, stdout }) => expect([exitCode, stdout]).toEqual([0, stdout]),
    );
    const { ports } = await host.traces();
    expect(ports.filter(({ bridge }) => bridge === 'ovsbr1')).toHaveLength(1);
    await eventually(host.ledger, expectWholeStories);
  });
});

// Last: it takes the package away.
describe('a package that is removed', () => {
  it('leaves running guests connected, and able to stop, start and change as ever', async () => {
    await host.sh('docker run -d --name netclient-a opa-test');
    await eventually(
      () => host.cli('netmaker', 'list'),
      ({ stdout }) => expect(stdout).toContain('203.0.113.'),
    );
    await host.sh('DEBIAN_FRONTEND=noninteractive apt-get remove -y ovs-port-agent');
    expect(await rows()).toEqual(['tap101i0', 'veth201i0']);
    await expectReachable(host, '10.0.0.201');
    await host.sh(`
      qm set 101 --net0 ${VM},tag=5
      qm stop 101; qm start 101
      pct stop 201; pct start 201`);
    expect(await rows()).toEqual(['tap101i0', 'veth201i0']);
    await expectReachable(host, '10.0.0.201');
  });
});
