// What is shown green is green: a silent switch, a bridge that has gone, a ledger that was taken away, a kernel without room for inotify.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, LEDGER, SNIPPET, STATE, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable } from './pings.ts';

let host: AgentHost;

const [PLAIN, TAGGED] = ['10.9.0.201', '10.9.0.202'];

beforeAll(async () => {
  host = await upAgentHost('health', '', 'trixie');
  await host.sh(`
    ovs-bridge vmbr0 10.9.0.1/24
    pct create 201 --hookscript ${SNIPPET} --net0 name=eth0,bridge=vmbr0,ip=${PLAIN}/24
    pct create 202 --hookscript ${SNIPPET} --net0 name=eth0,bridge=vmbr0,tag=5,ip=${TAGGED}/24
    qm create 101 --hookscript ${SNIPPET} --net0 virtio,bridge=vmbr0,tag=6
    qm create 102 --hookscript ${SNIPPET} --net0 virtio,bridge=vmbr0,firewall=1
    pct start 201; pct start 202`);
  await eventually(() => host.cli('status'), isWell);
});

afterAll(() => host?.down());

afterEach(async () => {
  await eventually(() => host.cli('status'), isWell);
  await expectReachable(host, PLAIN);
});

const isWell = ({ exitCode, stdout }: { exitCode: number; stdout: string }) =>
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/Nothing waits\.$/)]);

/** What every verb that judges says now: exit codes, and the text of all. */
async function verdicts(port = '201') {
  const verbs = {
    status: ['status'],
    reconcile: ['reconcile'],
    explain: ['explain', port],
    doctor: ['doctor'],
  };
  const found: Record<string, number> = {};
  let text = '';
  for (const [name, args] of Object.entries(verbs)) {
    const { exitCode, stdout, stderr } = await host.cli(...args);
    found[name] = exitCode;
    text += stdout + stderr;
  }
  return { codes: found, text };
}

const healthOf = async (port: string) => {
  const { stdout } = await host.cli('list', '--json');
  return (JSON.parse(stdout) as { port: string; health: string }[]).find((one) => one.port === port)?.health;
};

describe('ovs-vswitchd', () => {
  it('that hangs is told by every verb, and no longer once it goes on', async () => {
    const pid = await host.sh('cat /run/openvswitch/ovs-vswitchd.pid');
    await host.sh(`kill -STOP ${pid}`);
    try {
      const { codes, text } = await verdicts();
      expect(codes).toEqual({ status: 1, reconcile: 3, explain: 1, doctor: 1 });
      expect(text).toMatch(/ovs-vswitchd does NOT answer/);
      const valid = JSON.parse(String(await host.call('ValidateBridgeConnectivity', 's', 'vmbr0'))) as object;
      expect(valid).toMatchObject({ bridge_active: false, connectivity_preserved: false });
      expect(await healthOf('vi201')).toBe('vswitchd-unreachable');
    } finally {
      await host.sh(`kill -CONT ${pid}`);
    }
  });
});

describe('a bridge that is deleted under running guests', () => {
  it.each([
    ['', 'true'],
    [', also over a restart of the agent,', 'systemctl restart ovs-port-agent'],
  ])('is told, and its coming back%s brings their ports with their VLAN', async (_, between) => {
    await host.sh('ovs-vsctl del-br vmbr0');
    await eventually(
      () => verdicts(),
      ({ codes, text }) => {
        expect(codes).toEqual({ status: 1, reconcile: 1, explain: 1, doctor: 1 });
        expect(text).toContain('vi201 waits: there is no OVS bridge vmbr0');
      },
    );
    await host.sh(between);
    await host.sh('ovs-bridge vmbr0 10.9.0.1/24');
    await eventually(host.traces, ({ ports }) =>
      expect(ports.map(({ port, bridge, tag, usable }) => [port, bridge, tag, usable])).toEqual([
        ['vi201', 'vmbr0', null, true],
        ['vi202', 'vmbr0', 5, true],
      ]),
    );
  });
});

describe('a bridge that is deleted under running VMs', () => {
  it('is told for each of their cards until it is right again, those with the firewall too', async () => {
    await host.sh('qm start 101; qm start 102');
    await eventually(() => host.cli('status'), isWell);
    await host.sh('ovs-vsctl del-br vmbr0');
    await eventually(
      () => verdicts('102'),
      ({ codes, text }) => {
        expect(codes).toEqual({ status: 1, reconcile: 1, explain: 1, doctor: 1 });
        for (const port of ['vi101', 'vi102', 'vi201'])
          expect(text).toContain(`${port} waits: there is no OVS bridge vmbr0`);
      },
    );
    await host.sh('ovs-bridge vmbr0 10.9.0.1/24');
    await eventually(
      () => healthOf('vi101'),
      (word) => expect(word).toBe('ok'),
    );
    expect(await host.sh('ovs-vsctl get Port vi101 tag')).toBe('6');
    // Its port was an internal one that Proxmox makes when it plugs the card.
    await eventually(
      () => verdicts('102'),
      ({ codes, text }) => {
        expect(codes).toEqual({ status: 1, reconcile: 1, explain: 1, doctor: 1 });
        expect(text).toContain('vi102 waits: there is no network device fwln102o0');
        expect(text).toContain('start the guest again');
      },
    );
    await host.sh('qm stop 102; qm start 102');
    await eventually(() => host.cli('status'), isWell);
    await host.sh('qm stop 101; qm stop 102');
  });
});

describe('the ledger', () => {
  const journal = (pattern: string) =>
    host.sh(`journalctl -u ovs-port-agent --no-pager | grep -c '${pattern}' || true`);
  const restarts = async () => Number(await host.sh('systemctl show -P NRestarts ovs-port-agent'));
  // What was signed and is gone is told of for a week; the next case begins with a ledger that nothing happened to.
  const forget = () =>
    host.sh(`systemctl stop ovs-port-agent; rm -rf ${LEDGER} ${STATE}/ledger.d ${STATE}/ledger-head.json
      systemctl start ovs-port-agent`);

  it.each([
    ['garbage at its end', `printf 'garbage\\n' >>${LEDGER}`],
    ['another document at its end', `echo '{}' >>${LEDGER}`],
    ['an empty line at its end', `echo >>${LEDGER}`],
    ['an old line that is no JSON', `sed -i '2s/.*/garbage/' ${LEDGER}`],
    ['300 MB without a line end', `head -c 300000000 /dev/zero | tr '\\0' x >>${LEDGER}`],
  ])('with %s keeps no agent from starting', async (_, damage) => {
    await host.stopAgent();
    await host.sh(damage);
    const before = Date.now();
    await host.startAgent();
    expect(Date.now() - before).toBeLessThan(20_000);
    expect((await host.cli('events')).exitCode).toBe(0);
    await host.sh(
      `systemctl stop ovs-port-agent; rm -rf ${LEDGER} ${STATE}/ledger.d ${STATE}/ledger-head.json`,
    );
    await host.startAgent();
  });

  it.each([
    ['renamed away', `mv ${LEDGER} ${LEDGER}.1`, /moved or removed/],
    ['copied and truncated', `cp ${LEDGER} ${LEDGER}.1; truncate -s 0 ${LEDGER}`, /cut from/],
  ])('%s while the agent runs is noticed at once and told loudly', async (_, change, says) => {
    const before = await restarts();
    await host.sh(change);
    await eventually(restarts, (now) => expect(now).toBe(before + 1));
    expect(await host.sh('journalctl -u ovs-port-agent --no-pager')).toMatch(says);
    await eventually(host.ledger, ([first]) => expect(first?.action).toBe('ledger_missing'));
    expect(Number(await journal('does not hold block'))).toBeGreaterThan(0);
    const { exitCode, stdout } = await host.cli('status');
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining('does not hold block')]);
    expect(await host.cli('doctor')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('does not hold block'),
    });
    const command = /check it with: ovs-port-agent (ledger verify --head \S+) FILE/.exec(stdout)?.[1] ?? '';
    expect(await host.cli(...command.split(' '), `${LEDGER}.1`)).toMatchObject({ exitCode: 0 });
    await forget();
  });

  it('gone while nobody runs is no green light', async () => {
    await host.stopAgent();
    await host.sh(`mv ${LEDGER} ${LEDGER}.1; : >${LEDGER}`);
    expect(await host.cli('ledger', 'verify')).toMatchObject({ exitCode: 22 });
    const second = `python3 /usr/share/ovs-port-agent/verify.py ${LEDGER} || echo $?`;
    expect(await host.sh(second)).toMatch(/^diverged: [^\n]*\n22\s*$/);
    expect(await host.cli('doctor')).toMatchObject({ exitCode: 1 });
    await host.sh(`mv ${LEDGER}.1 ${LEDGER}`);
    await host.startAgent();
    expect(await host.cli('ledger', 'verify')).toMatchObject({ exitCode: 0 });
  });
});

describe('without room for inotify', () => {
  it.each([
    ['instances', 'inotify_init1:EMFILE'],
    ['watches', 'inotify_add_watch:ENOSPC'],
  ])('of %s the agent runs, says so, and takes up what hooks leave all the same', async (_, filter) => {
    const dir = '/etc/systemd/system/ovs-port-agent.service.d';
    await host.sh(`
      mkdir -p ${dir}; printf '[Service]\\nSystemCallFilter=~${filter}\\n' >${dir}/inotify.conf
      systemctl daemon-reload; systemctl restart ovs-port-agent`);
    try {
      const { exitCode, stdout } = await host.cli('status');
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining('looked at every second')]);
      expect((await host.cli('doctor')).stdout).toContain('looked at every second');
      await host.sh(`mv /run/dbus/system_bus_socket /run/dbus/away; mv /run/ovs-port-agent/hook.sock /run/ovs-port-agent/away 2>/dev/null || true
        /var/lib/vz/snippets/ovs-port-agent 201 post-start; mv /run/dbus/away /run/dbus/system_bus_socket
        mv /run/ovs-port-agent/away /run/ovs-port-agent/hook.sock 2>/dev/null || true`);
      await eventually(host.ledger, (blocks) =>
        expect(blocks.at(-1)).toMatchObject({ metadata: { spooled: 'true' } }),
      );
    } finally {
      await host.sh(`rm -r ${dir}; systemctl daemon-reload; systemctl restart ovs-port-agent`);
    }
  });
});
