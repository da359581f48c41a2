// Open vSwitch and its database fail in every way that we could think of: ports come back, and what waits says why.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable, longestGapDuring, lostDuring } from './pings.ts';
import { expectWholeStories } from './stories.ts';

let host: AgentHost;

const GUESTS = {
  'a VM': { address: '10.0.0.101', port: 'vi101' },
  'a Proxmox container': { address: '10.0.0.201', port: 'vi201' },
  'an LXC container': { address: '10.0.0.50', port: 'vi1000000' },
  'a Docker container': { address: '203.0.113.10', port: 'vi1000001' },
};
const guests = Object.entries(GUESTS).map(([kind, { address, port }]) => [kind, address, port] as const);
/** Of a container that starts in the middle of it: its port is vi600. */
const LATE = '--label dev.ovs.portagent.bridge=ovsbr0 --label dev.ovs.portagent.vmid=600';
const PORTS = Object.values(GUESTS).map(({ port }) => port);
const BACK_WITHIN_MS = 20_000;
/** What no person should have to read. */
const EXCEPTION = /ZodError|undefined|\bat \S+:\d+|[{}]|Unexpected token|\n/;

beforeAll(async () => {
  host = await upAgentHost('ovsdb-faults', '', 'trixie');
  await host.sh(`
    qm create 101 --hookscript ${SNIPPET} --ipconfig0 ip=10.0.0.101/24 --net0 virtio,bridge=ovsbr0
    qm start 101
    pct create 201 --hookscript ${SNIPPET} --net0 name=eth0,bridge=ovsbr0,ip=10.0.0.201/24
    pct start 201
    lxc-guest create web --link ovsbr0 --ip 10.0.0.50/24
    lxc-guest start web
    docker run -d --name netmaker-server --label dev.ovs.portagent.address=203.0.113.10/24 opa-test`);
  await expectAllRight();
});

afterAll(() => host?.down());

afterEach(() => host.sh('docker rm -f netmaker-late netmaker-brief >/dev/null 2>&1 || true'));

async function expectPorts(ports: readonly string[] = PORTS): Promise<void> {
  await eventually(
    host.traces,
    (seen) => {
      expect(seen.ports.map(({ port }) => port)).toEqual([...ports].sort());
      expect(seen.ports.filter(({ usable, owner }) => !usable || owner.vmid === undefined)).toEqual([]);
    },
    BACK_WITHIN_MS,
  );
}

/** Each guest has its usable port and answers, the bridges have their addresses, nothing waits, the ledger verifies. */
async function expectAllRight(ports?: readonly string[]): Promise<void> {
  await expectPorts(ports);
  for (const [, address] of guests) await expectReachable(host, address);
  await eventually(
    () => host.cli('status'),
    (status) =>
      expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Nothing waits.') }),
    BACK_WITHIN_MS,
  );
  expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
  await eventually(host.ledger, expectWholeStories);
}

const portOf = async (port: string) => (await host.traces()).ports.find((seen) => seen.port === port);
const portUuid = (port: string) => host.sh(`ovs-vsctl --if-exists get Port ${port} _uuid`);
/** What the hookscript says on the console of a task. */
const hookSays = async (vmid: number, phase: string) =>
  host.exec(['/var/lib/vz/snippets/ovs-port-agent', String(vmid), phase]);

describe('a port that somebody removes', () => {
  it.each(guests)('from %s is back before a second is over', async (_, address, port) => {
    const removed = await portUuid(port);
    const gap = await longestGapDuring(host, address, async () => {
      await host.sh(`ovs-vsctl del-port ${port}`);
      await eventually(
        () => portUuid(port),
        (uuid) => expect([removed, '']).not.toContain(uuid),
      );
      await expectReachable(host, address);
    });
    expect(gap).toBeLessThan(1000);
    await expectAllRight();
  });
});

describe('a port of ours', () => {
  it('gets its marks back when somebody clears them, and no packet is lost', async () => {
    const lost = await lostDuring(host, '10.0.0.101', async () => {
      await host.sh('ovs-vsctl clear Port vi101 external_ids -- clear Interface tap101i0 external_ids');
      await expectPorts();
    });
    expect(lost).toBe(0);
  });

  it('is made anew when Open vSwitch cannot use its device any more', async () => {
    // A device that cannot be opened, as ovs-vswitchd sees it.
    await host.sh('ovs-vsctl --no-wait set Interface tap101i0 type=nonsense');
    await eventually(
      () => host.sh('ovs-vsctl get Interface tap101i0 type'),
      (type) => expect(['""', 'system']).toContain(type),
    );
    await expectAllRight();
    const lost = (await host.ledger()).findLast(({ action }) => action === 'guest_seen');
    expect(lost?.data.reason).toMatch(/^tap101i0\b/);
  });

  it('that nobody asks for is taken away as soon as it appears', async () => {
    await host.sh(`
      ovs-vsctl --no-wait add-port ovsbr0 vi300 -- set Port vi300 external_ids:ovs-port-agent.vmid=300 \
        external_ids:ovs-port-agent.nic=0`);
    await expectAllRight();
  });

  it('is not left behind when its guest went while the database hung', async () => {
    const server = await host.sh('cat /run/openvswitch/ovsdb-server.pid');
    await host.sh(`
      kill -STOP ${server}
      docker run -d --name netmaker-brief ${LATE} opa-test
      sleep 2; docker rm -f netmaker-brief; sleep 4
      kill -CONT ${server}`);
    await expectAllRight();
    const blocks = await host.ledger();
    expect(blocks.findLast(({ action }) => action === 'port_attach_failed')?.data).toMatchObject({
      guest: 'netmaker-brief',
      code: 'deadline-exceeded',
    });
  });
});

describe('guests that run', () => {
  const emptied = `
    systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server
    rm -f /etc/openvswitch/conf.db /var/lib/openvswitch/conf.db
    systemctl start openvswitch-switch`;

  it.each([
    ['ovs-vswitchd restarts', 'systemctl restart ovs-vswitchd'],
    ['ovs-vswitchd is killed', 'kill -KILL $(cat /run/openvswitch/ovs-vswitchd.pid)'],
    ['ovsdb-server restarts', 'systemctl restart ovsdb-server'],
    ['the database is emptied, as Proxmox does at each boot', emptied],
  ])('are all connected again after %s', async (_, fault) => {
    await host.sh(fault);
    await expectAllRight();
    expect(await host.sh('ip -4 -o addr show ovsbr0; ip -4 -o addr show ovsbr1')).toMatch(
      /10\.0\.0\.1\/24.*203\.0\.113\.1\/24/s,
    );
  });
});

describe('a row that is not as the schema of Open vSwitch has been for ever', () => {
  it('costs nobody the port, and is named in status and doctor until it is gone', async () => {
    // A mirror without a name, which a later schema might allow.
    const schema = '/usr/share/openvswitch/vswitch.ovsschema';
    await host.sh(`
      python3 -c 'import json; s = json.load(open("${schema}"))
s["tables"]["Mirror"]["columns"]["name"] = {"type": {"key": "string", "min": 0}}
json.dump(s, open("/root/odd.ovsschema", "w"))'
      ovsdb-client convert unix:/run/openvswitch/db.sock /root/odd.ovsschema
      ovs-vsctl --no-wait -- --id=@m create Mirror select_all=true -- set Bridge ovsbr0 mirrors=@m`);
    try {
      const named = /row "[0-9a-f]{8}-.* table Mirror is not understood and left out: name: /;
      await eventually(
        () => host.cli('status'),
        (status) => expect(status).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(named) }),
        BACK_WITHIN_MS,
      );
      await host.sh(
        'docker rm -f netmaker-late >/dev/null 2>&1; docker run -d --name netmaker-late ' +
          LATE +
          ' opa-test',
      );
      await expectPorts([...PORTS, 'vi600']);
      expect((await host.cli('doctor')).stdout).toMatch(named);
      for (const [, address] of guests) await expectReachable(host, address);
    } finally {
      await host.sh(`
        ovs-vsctl --no-wait clear Bridge ovsbr0 mirrors
        ovsdb-client convert unix:/run/openvswitch/db.sock ${schema}; docker rm -f netmaker-late`);
    }
    await expectAllRight();
  });
});

describe('a database that answers slowly', () => {
  it.each([
    ['for less than a transaction may take', 2],
    ['for longer than that', 9],
  ])('%s: a container starts all the same, and has its port afterwards', async (_, seconds) => {
    await host.sh('kill -STOP $(cat /run/openvswitch/ovsdb-server.pid)');
    const began = performance.now();
    const back = host.sh(`sleep ${seconds}; kill -CONT $(cat /run/openvswitch/ovsdb-server.pid)`);
    await host.sh(`docker run -d --name netmaker-late ${LATE} opa-test`);
    expect(performance.now() - began).toBeLessThan(10_000);
    await expectReachable(host, '10.0.0.101');
    await back;
    await expectAllRight([...PORTS, 'vi600']);
    await host.sh('docker rm -f netmaker-late');
    await expectAllRight();
    const waited = (await host.ledger()).filter(({ action }) => action === 'port_attach_failed');
    for (const { data } of waited) expect(data.error).not.toMatch(EXCEPTION);
    if (seconds > 5) expect(waited.at(-1)?.data).toMatchObject({ code: 'deadline-exceeded' });
  });
});

describe('a database', () => {
  const START = '/run/openvswitch/db.sock';
  const AWAY = '/run/openvswitch/db.away';
  const odd = (kind: string) =>
    `systemd-run --quiet --unit=odd-server python3 /src/test/lab/odd-server.py ${START} ${kind}`;

  it.each([
    ['that answers garbage', odd('garbage'), 'ovsdb-garbled'],
    ['that answers with wrong types', odd('wrong'), 'ovsdb-garbled'],
    ['that never answers', odd('silent'), 'deadline-exceeded'],
    ['that is not there', 'true', 'ovsdb-unreachable'],
  ])('%s: it is said in one line, guests start, and all comes right later', async (_, stand, code) => {
    const { height = 0 } = (await host.ledger()).at(-1) ?? {};
    await host.sh(`mv ${START} ${AWAY}; ${stand}; systemctl restart ovs-port-agent`);
    try {
      const status = await eventually(
        async () => JSON.parse((await host.cli('status', '--json')).stdout),
        (seen) => expect(seen).toMatchObject({ ready: false, obstacle_code: code }),
        BACK_WITHIN_MS,
      );
      expect(status.obstacle).not.toMatch(EXCEPTION);
      const said = await hookSays(101, 'post-start');
      expect(said.exitCode).toBe(0);
      expect(said.stdout).toContain('vi101 waits: ');
      expect(said.stdout).toContain(`[${code}]`);
      expect(said.stdout + said.stderr).not.toMatch(EXCEPTION);

      const began = performance.now();
      await host.sh(`docker run -d --name netmaker-late ${LATE} opa-test`);
      expect(performance.now() - began).toBeLessThan(10_000);
      await eventually(host.ledger, (blocks) =>
        expect(
          blocks.findLast(({ action, data }) => action === 'port_held' && data.port === 'vi600')?.data,
        ).toMatchObject({ code }),
      );
      for (const [, address] of guests) await expectReachable(host, address);
      const blocks = (await host.ledger()).filter((block) => block.height > height);
      for (const { data } of blocks) expect(data.reason ?? data.error ?? '').not.toMatch(EXCEPTION);
    } finally {
      await host.sh(`systemctl stop odd-server || true; rm -f ${START}; mv ${AWAY} ${START}`);
    }
    await expectAllRight([...PORTS, 'vi600']);
    expect((await portOf('vi600'))?.owner.guest).toBe('netmaker-late');
    await host.sh('docker rm -f netmaker-late');
    await expectAllRight();
  });
});
