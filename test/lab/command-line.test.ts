// The command line on a host: a configuration with an error, an agent that is stopped, and what a terminal shows.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';

const CONFIG = '/etc/ovs-port-agent/config.toml';
const UNIT = 'ovs-port-agent.service';

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('command-line', '', 'trixie');
  await host.sh(`
    cp ${CONFIG} /root/good.toml
    qm create 101 --name shop --hookscript ${SNIPPET} --net0 virtio,bridge=ovsbr0
    qm start 101`);
  await eventually(host.traces, ({ ports }) => expect(ports.map(({ port }) => port)).toEqual(['vi101']));
});

afterAll(() => host?.down());

const show = (...properties: string[]) =>
  host.sh(`systemctl show ${UNIT} ${properties.map((name) => `--property=${name}`).join(' ')}`);
const pid = () => show('MainPID');

describe('a configuration with an error', () => {
  const typo = () => host.sh(`echo 'strickt = true' | cat - /root/good.toml >${CONFIG}`);
  const mend = () => host.sh(`cp /root/good.toml ${CONFIG}`);

  it('fails a reload, and the agent that runs goes on with what it had', async () => {
    const before = await pid();
    await typo();
    const { exitCode } = await host.exec(['systemctl', 'reload', UNIT]);
    expect(exitCode).not.toBe(0);
    expect([await pid(), await host.sh(`systemctl is-active ${UNIT}`)]).toEqual([before, 'active']);
    expect((await host.cli('status')).stdout).toContain('strickt: unknown key; did you mean "strict"?');
    expect(await host.sh(`journalctl --unit ${UNIT} --output cat --lines 20`)).toContain('strickt');
  });

  it('makes a restart fail at once, once, with the reason in the status', async () => {
    await typo();
    await host.sh(`systemctl restart ${UNIT} || true`);
    await eventually(
      () => show('ActiveState', 'Result', 'NRestarts', 'StatusText'),
      (state) => {
        expect(state).toContain('ActiveState=failed');
        expect(state).toContain('NRestarts=0');
        expect(state).toMatch(/StatusText=.*strickt: unknown key/);
      },
    );
  });

  it('is named wherever the agent is missed, without a wait', async () => {
    for (const verb of [['list'], ['status'], ['reconcile'], ['introspect'], ['netmaker', 'list']]) {
      const began = Date.now();
      const { stderr, exitCode } = await host.cli(...verb);
      expect([verb, exitCode]).toEqual([verb, 3]);
      expect(stderr).toMatch(
        /^The agent does not run: the configuration has an error: .*strickt.*config check$/,
      );
      expect(Date.now() - began).toBeLessThan(10_000);
    }
    const hook = await host.exec(['/var/lib/vz/snippets/ovs-port-agent', '101', 'post-start']);
    expect(hook.exitCode).toBe(0);
    expect(hook.stdout).toMatch(/its configuration has an error: .*strickt.*config check/);
    expect((await host.cli('doctor')).stdout).toMatch(/✗ the agent does not run: the configuration/);
  });

  it('keeps no verb from its work that needs none', async () => {
    for (const verb of [['ledger', 'verify'], ['ledger', 'tail'], ['events'], ['name', '101', '0']]) {
      const { stdout, stderr, exitCode } = await host.cli(...verb);
      expect([verb, exitCode]).toEqual([verb, 0]);
      expect(stdout).not.toBe('');
      expect(stderr).toMatch(/^The configuration has an error: .*strickt/);
    }
  });

  it('is found by config check before it does harm, with its place', async () => {
    expect(await host.cli('config', 'check')).toMatchObject({
      exitCode: 2,
      stdout: `${CONFIG}: strickt: unknown key; did you mean "strict"?`,
    });
    await mend();
    expect(await host.cli('config', 'check')).toMatchObject({ exitCode: 0 });
    await host.sh(`systemctl restart ${UNIT}`);
    expect((await host.exec(['test', '-e', '/run/ovs-port-agent/config-error'])).exitCode).toBe(1);
    expect((await host.cli('list')).stdout).toContain('vi101');
  });
});

describe('systemctl reload', () => {
  it('takes over what needs no restart, and tells of the rest', async () => {
    const before = await pid();
    await host.sh(`
      (echo 'strict = true'; echo 'driver = "ovsdb"'; cat /root/good.toml; echo '[bridges.ovsbr7]') >${CONFIG}
      systemctl reload ${UNIT}`);
    expect(await pid()).toBe(before);
    expect(await host.sh('cat /run/ovs-port-agent/hook.json')).toContain('"strict":true');
    await eventually(
      () => host.sh('ovs-vsctl list-br'),
      (bridges) => expect(bridges).toContain('ovsbr7'),
    );
    expect((await host.cli('status')).stdout).toMatch(/configuration +restart for: driver/);
    const reloaded = (await host.ledger()).findLast(({ action }) => action === 'config_reloaded');
    expect(reloaded).toMatchObject({ category: 'config', data: { wait_for_restart: ['driver'] } });
    expect(reloaded?.data.changes).toEqual(expect.arrayContaining(['strict']));
    const shown = await host.cli('config', 'show', '--changed');
    expect(shown.stdout).toMatch(/^strict +file +true$/m);
    await host.sh(
      `cp /root/good.toml ${CONFIG}; kill -HUP $(systemctl show --value --property MainPID ${UNIT})`,
    );
    await eventually(
      () => host.sh('cat /run/ovs-port-agent/hook.json'),
      (text) => expect(text).toContain('"strict":false'),
    );
    expect((await host.cli('config', 'reload')).stdout).toBe('Nothing has changed.');
  });
});

describe('the overview', () => {
  interface Row {
    port: string | null;
    guest: string;
    state: string;
    reason: string | null;
    bridge: string | null;
    [key: string]: unknown;
  }
  const list = async (...argv: string[]) =>
    JSON.parse((await host.cli('list', '--json', ...argv)).stdout) as Row[];

  it('has every guest that runs or should have a port, with the reason, and explain knows each', async () => {
    await host.sh(`
      ip link add vmbr9 type bridge; ip link set vmbr9 up
      qm create 102 --name mail --hookscript ${SNIPPET} --net0 virtio,bridge=vmbr9
      qm start 102
      docker run --detach --name cache opa-test`);
    const rows = await eventually(
      () => list('--all'),
      (found) =>
        expect(found.map(({ guest, state }) => [guest, state])).toEqual(
          expect.arrayContaining([
            ['cache', 'unattached'],
            ['mail', 'skipped'],
          ]),
        ),
    );
    expect(rows.find(({ guest }) => guest === 'shop')).toMatchObject({
      port: 'vi101',
      state: 'attached',
      health: 'ok',
      mac: expect.stringMatching(/^[0-9a-f:]{17}$/),
      ofport: expect.any(Number),
      rx: expect.any(Number),
      mtu: 1500,
    });
    expect(rows.find(({ guest }) => guest === 'mail')?.reason).toContain('vmbr9');
    for (const { guest } of rows) {
      expect((await host.cli('explain', guest)).stdout).toContain(guest);
    }
    expect((await list()).map(({ guest }) => guest)).toEqual(['shop']);
    expect((await host.cli('list', '--format', 'yaml')).stdout).toContain('- port: "vi101"');
    await host.sh('docker rm -f cache; qm stop 102; qm destroy 102; ip link del vmbr9');
    await eventually(
      () => list('--all'),
      (found) => expect(found.map(({ guest }) => guest)).toEqual(['shop']),
    );
  });

  it('create-interface says which port it made and where, with VLANs; remove-interface names the port', async () => {
    await host.sh('ip link add tool0 type veth peer name tool1; ip link set tool0 up');
    const made = await host.cli(
      'create-interface',
      'tool0',
      'tool',
      '4711',
      '--bridge',
      'ovsbr1',
      '--tag',
      '20',
      '--trunks',
      '30,40',
    );
    expect([made.stdout, made.stderr]).toEqual(['vi4711 is on ovsbr1 (tool0)', '']);
    const port = (await host.traces()).ports.find(({ interface: link }) => link === 'tool0');
    expect(port).toMatchObject({ port: 'vi4711', bridge: 'ovsbr1', tag: 20, trunks: [30, 40] });
    expect((await host.cli('list', '--columns', 'port,vlan', '--guest', 'tool')).stdout).toContain(
      '20 + 30,40',
    );
    const gone = JSON.parse((await host.cli('remove-interface', 'tool0', '--json')).stdout) as Row;
    expect(gone).toMatchObject({ port: 'vi4711', bridge: 'ovsbr1', interface: 'tool0' });
    const missing = await host.cli('create-interface', 'tool0', 'tool', '4711', '--bridge', 'nobridge');
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining('[bridge-missing]')]);
    await host.sh('ip link del tool0');
  });

  it('ledger at puts together from the blocks what list shows, also after the agent was killed', async () => {
    const fields = ({ port, bridge, interface: card, vmid, guest }: Record<string, unknown>) => [
      ...[port, bridge, card, vmid, guest],
    ];
    const told = async (...argv: string[]) =>
      JSON.parse((await host.cli(...argv, '--json')).stdout) as Record<string, unknown>[];
    const agree = () =>
      eventually(
        async () => {
          const listed = (await told('list')).map(fields).sort();
          const { ports } = JSON.parse((await host.cli('ledger', 'at', 'now', '--json')).stdout) as {
            ports: Record<string, unknown>[];
          };
          return { listed, past: ports.map(fields).sort() };
        },
        ({ listed, past }) => {
          expect(listed.length).toBeGreaterThan(0);
          expect(past).toEqual(listed);
        },
      );
    await agree();
    await host.sh(`systemctl kill --signal=KILL ${UNIT}`);
    await agree();
  });

  it('events are chosen by guest, time and action', async () => {
    const words = ['events', '--guest', '101', '--action', 'port_*', '--since', '1d', '--json'];
    const { stdout } = await host.cli(...words);
    const actions = stdout.split('\n').map((line) => (JSON.parse(line) as { action: string }).action);
    for (const action of actions) expect(action).toMatch(/^port_/);
    expect((await host.cli('events', '--guest', 'nobody')).stdout).toBe('');
  });
});

describe('somebody who is not root', () => {
  it('is told so at once', async () => {
    for (const verb of [['list'], ['doctor'], ['introspect'], ['ledger', 'verify']]) {
      const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const { stdout, stderr, exitCode } = await host.exec([...asNobody, 'ovs-port-agent', ...verb]);
      expect([verb, stdout, exitCode]).toEqual([verb, '', 3]);
      expect(stderr).toMatch(/^[^\n]*Run this as root: sudo ovs-port-agent[^\n]*$/);
    }
  });
});

describe('the remedy for a stub that is missing', () => {
  it('puts it back, without the package file', async () => {
    const snippet = '/var/lib/vz/snippets/ovs-port-agent';
    await host.sh(`rm ${snippet} /var/lib/ovs-port-agent/hooks/lxc`);
    const { stdout } = await host.cli('doctor', '--json');
    const remedies = (JSON.parse(stdout) as { state: string; remedy?: string }[])
      .filter(({ state }) => state === 'fail')
      .map(({ remedy }) => remedy);
    expect(new Set(remedies)).toEqual(new Set(['dpkg-reconfigure ovs-port-agent']));
    await host.sh('dpkg-reconfigure ovs-port-agent 2>&1');
    expect(await host.sh(`stat -c %a ${snippet} /var/lib/ovs-port-agent/hooks/lxc`)).toBe('755\n755');
  });
});

describe('an agent that is stopped', () => {
  it('stays so, whatever is asked', async () => {
    await host.stopAgent();
    const verbs = [
      ['list'],
      ['list', '--json'],
      ['introspect'],
      ['status'],
      ['netmaker', 'list'],
      ['netmaker', 'leases'],
      ['explain', '101'],
      ['doctor'],
      ['name', '101', '0'],
      ['events'],
      ['reconcile'],
      ['create-interface', 'nodev', 'web', '4711'],
    ];
    for (const verb of verbs) {
      await host.cli(...verb);
      expect([verb, await show('ActiveState')]).toEqual([verb, 'ActiveState=inactive']);
    }
    expect(await host.cli('list')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/^The agent does not run .*systemctl restart ovs-port-agent/),
    });
    await host.startAgent();
  });
});
