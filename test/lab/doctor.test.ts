// `doctor` and `explain` on whole hosts: nothing to say of a healthy one, the right line for each thing that breaks.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ERRORS } from '../../src/core/lib/errors.ts';
import { commandsIn } from '../unit/cli/commands-in.ts';
import { eventually } from './eventually.ts';
import { type Host, type Suite, upHost } from './host.ts';

const SNIPPET = '/var/lib/vz/snippets/ovs-port-agent';
const LEDGER = '/var/lib/ovs-port-agent/ledger.jsonl';
const CONFIG = '/etc/ovs-port-agent/config.toml';

interface Finding {
  group: string;
  check: string;
  state: string;
  text: string;
  remedy?: string;
}

// Debian 13 like Proxmox 9: OVSDB drives. Debian 14: NetworkManager does.
describe.each(['trixie', 'forky'] as const satisfies Suite[])('on %s', (suite) => {
  let host: Host;
  const cli = (...args: string[]) => host.exec(['ovs-port-agent', ...args]);

  beforeAll(async () => {
    host = await upHost(suite, `doctor-${suite}`);
    await host.sh('pve-init');
    await host.installDeb(inject('deb'));
    await host.sh(`
      qm create 101 --name web1 --net0 virtio,bridge=ovsbr0 --hookscript local:snippets/ovs-port-agent
      qm start 101`);
    await eventually(
      () => host.sh('ovs-vsctl list-ports ovsbr0'),
      (ports) => expect(ports).toContain('vi101'),
    );
  });
  afterAll(() => host?.down());

  /** Findings of one state, as `GROUP: text`. */
  async function doctor(state: string): Promise<{ found: string[]; exitCode: number }> {
    const { stdout, exitCode } = await cli('doctor', '--json');
    const findings = JSON.parse(stdout) as Finding[];
    const chosen = findings.filter((finding) => finding.state === state);
    return { found: chosen.map(({ group, text }) => `${group}: ${text}`), exitCode };
  }

  /** Breaks the host, expects one more failure than before, and mends it. */
  async function expectFailure(breakIt: string, mend: string, line: RegExp): Promise<void> {
    await host.sh(breakIt);
    try {
      await eventually(
        () => doctor('fail'),
        ({ found, exitCode }) => {
          expect(found).toContainEqual(expect.stringMatching(line));
          expect(exitCode).toBe(1);
        },
      );
    } finally {
      await host.sh(mend);
    }
    await expectHealthy();
  }

  async function expectHealthy(): Promise<void> {
    await eventually(
      () => doctor('fail'),
      (seen) => expect(seen).toEqual({ found: [], exitCode: 0 }),
      30_000,
    );
  }

  it('has no failure to report of a healthy host, and ends with 0', async () => {
    await expectHealthy();
    const { stdout, exitCode } = await cli('doctor');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}✓ ovsbr0: netdev datapath, driven through (ovsdb|networkmanager): /m);
  });

  it('sees that the snippet is missing or cannot be run', async () => {
    const back = `mv /root/snippet ${SNIPPET}`;
    await expectFailure(`mv ${SNIPPET} /root/snippet`, back, /^Proxmox: .*is missing/);
    await expectFailure(`chmod a-x ${SNIPPET}`, `chmod a+x ${SNIPPET}`, /^Proxmox: .*not executable/);
  });

  it('sees a configuration that cannot be read', async () => {
    await expectFailure(`echo 'drivr = 1' >>${CONFIG}`, `sed -i '/drivr/d' ${CONFIG}`, /^Host: .*drivr/);
  });

  it('sees a ledger that was changed', async () => {
    const change = `cp -p ${LEDGER} /root/ledger; sed -i '1s/"user":"root"/"user":"toor"/' ${LEDGER}`;
    await expectFailure(
      `systemctl stop ovs-port-agent; ${change}`,
      `cp -p /root/ledger ${LEDGER}; systemctl start ovs-port-agent`,
      /^Ledger: .*does not hold from height 1/,
    );
  });

  it('sees that the agent is stopped', async () => {
    await expectFailure(
      'systemctl stop ovs-port-agent',
      'systemctl start ovs-port-agent',
      /^Agent: .*does not answer/,
    );
  });

  it('sees an ovs-vswitchd that hangs, although its rows and its process are there', async () => {
    const send = (signal: string) => `kill -${signal} $(cat /run/openvswitch/ovs-vswitchd.pid)`;
    await expectFailure(send('STOP'), send('CONT'), /^Open vSwitch: ovs-vswitchd does not answer/);
  });

  it('warns of a port of somebody else under our name, and explain names it', async () => {
    await host.sh('ovs-vsctl add-port ovsbr0 vi777 -- set Interface vi777 type=internal');
    try {
      expect((await doctor('warn')).found).toContainEqual(
        expect.stringMatching(/vi777 on ovsbr0 .*somebody else/),
      );
      const { stdout, exitCode } = await cli('explain', 'vi777');
      expect([exitCode, stdout]).toEqual([1, expect.stringContaining('Fault: the name vi777 is taken')]);
    } finally {
      await host.sh('ovs-vsctl del-port vi777');
    }
  });

  it('warns of a guest without hookscript', async () => {
    await host.sh('qm create 102 --net0 virtio,bridge=ovsbr0');
    expect((await doctor('warn')).found).toContainEqual(expect.stringMatching(/without the hookscript: 102/));
    await host.sh('qm destroy 102');
  });

  describe('a remedy, run as it stands there,', () => {
    const SPOOL = '/var/lib/ovs-port-agent/spool';
    const OLD = JSON.stringify({
      id: 'event-of-long-ago',
      at: '2026-11-23T08:30:32.123Z',
      source: 'proxmox',
      phase: 'post-stop',
      vmid: 999,
    });
    const send = (signal: string, daemon: string) => `kill -${signal} $(cat /run/openvswitch/${daemon}.pid)`;

    type Case = [what: string, breakIt: string, found: RegExp, before?: string];
    const cases: Case[] = [
      ['hookscript that is missing', `rm ${SNIPPET}`, /^Proxmox: .*is missing/],
      ['hookscript without its mode', `chmod a-x ${SNIPPET}`, /^Proxmox: .*not executable/],
      ['LXC hook that is missing', 'rm /var/lib/ovs-port-agent/hooks/lxc', /^LXC: .*is missing/],
      [
        'LXC drop-in that is missing',
        'rm /usr/share/lxc/config/common.conf.d/50-ovs-port-agent.conf',
        /^LXC: 50-ovs-port-agent\.conf is missing/,
        'cd /tmp',
      ],
      ['agent that is not enabled', 'systemctl disable ovs-port-agent.service', /does not start at boot/],
      ['agent that is stopped', 'systemctl stop ovs-port-agent.service', /^Agent: .*does not answer/],
      ['Open vSwitch that is stopped', 'systemctl stop openvswitch-switch.service', /^Open vSwitch: OVSDB/],
      ['OVSDB that is stopped', 'systemctl stop ovsdb-server.service', /^Open vSwitch: OVSDB/],
      ['OVSDB that hangs', send('STOP', 'ovsdb-server'), /^Open vSwitch: OVSDB/],
      ['ovs-vswitchd that is stopped', 'systemctl stop ovs-vswitchd.service', /ovs-vswitchd does not answer/],
      ['ovs-vswitchd that hangs', send('STOP', 'ovs-vswitchd'), /ovs-vswitchd does not answer/],
      ['bridge whose own interface is down', 'ip link set ovsbr0 down', /own interface ovsbr0 is down/],
      [
        'mark of ours on a port of somebody else',
        `ovs-vsctl add-port ovsbr0 'odd port' -- set Interface 'odd port' type=internal \
          -- set Port 'odd port' external_ids:ovs-port-agent.vmid=999 || true`,
        /carries our mark for VMID 999/,
      ],
      [
        'binding file that is damaged',
        'echo rubbish >/run/ovs-port-agent/bindings/vi998.json; systemctl restart ovs-port-agent.service',
        /vi998\.json is not understood/,
      ],
      ['Docker that is stopped', 'systemctl stop docker.socket docker.service', /^Docker: /],
      [
        'guest without the hookscript',
        'qm create 103 --net0 virtio,bridge=ovsbr0',
        /without the hookscript: 103/,
      ],
      [
        'event that stays in the spool',
        `systemctl stop ovs-port-agent.service
        mkdir -p ${SPOOL}; touch ${SPOOL}/odd; mount --bind /etc/os-release ${SPOOL}/odd
        echo '${OLD}' >${SPOOL}/1700000000000-1-00000000.json
        systemctl start ovs-port-agent.service`,
        /^Agent: 1 event waits in the spool/,
        `umount ${SPOOL}/odd`,
      ],
    ];

    const ofNetworkManager: Case[] = [
      [
        'NetworkManager that is stopped',
        'systemctl stop NetworkManager.service',
        /NetworkManager does not run$/,
      ],
    ];

    it.each(suite === 'forky' ? ofNetworkManager : cases)(
      'mends: %s',
      async (_, breakIt, line, before = 'true') => {
        await host.sh(breakIt);
        const found = await eventually(
          async () => {
            const { stdout } = await cli('doctor', '--json');
            return (JSON.parse(stdout) as Finding[]).filter(
              ({ state }) => state === 'fail' || state === 'warn',
            );
          },
          (findings) =>
            expect(findings.map(({ group, text }) => `${group}: ${text}`)).toContainEqual(
              expect.stringMatching(line),
            ),
          30_000,
        );
        const told = found.find(({ group, text }) => line.test(`${group}: ${text}`))?.remedy ?? '';
        const commands = commandsIn(told).filter((command) => !/^journalctl|^systemctl status/.test(command));
        expect(commands).not.toEqual([]);
        await host.sh([before, ...commands].join('\n'));
        await eventually(
          async () => [...(await doctor('fail')).found, ...(await doctor('warn')).found],
          (left) => expect(left).not.toContainEqual(expect.stringMatching(line)),
          60_000,
        );
        await host.sh(`
        ovs-vsctl --if-exists del-port 'odd port'
        if qm status 103 >/dev/null 2>&1; then qm destroy 103; fi`);
      },
    );

    it('leaves a healthy host behind', expectHealthy);

    it('finds on this host every unit that a remedy names', async () => {
      const units = Object.values(ERRORS).flatMap(
        ({ remedy }) => remedy.match(/\b[\w-]+\.(?:service|socket)\b/g) ?? [],
      );
      const here = units.filter(
        (unit) => !/^(?:pve-cluster|NetworkManager)\./.test(unit) || suite === 'forky',
      );
      const wanted = here.filter((unit) => !unit.startsWith('pve-cluster'));
      expect(wanted.length).toBeGreaterThan(5);
      await host.sh(`systemctl cat ${[...new Set(wanted)].join(' ')}`);
    });
  });

  describe('explain', () => {
    const verdictOf = (text: string) =>
      text.split('\n').filter((line) => /^(?:Fault|Also|All right)/.test(line));
    const explain = async (wanted: string) => {
      const { stdout, exitCode } = await cli('explain', wanted);
      return { last: verdictOf(stdout), exitCode };
    };
    /** The agent has the card again, under its own name. */
    const expectRight = () =>
      eventually(
        () => cli('explain', '101'),
        ({ stdout, exitCode }) => {
          expect([exitCode, verdictOf(stdout)]).toEqual([0, ['All right.']]);
          expect(stdout).toMatch(/^ {2}row +vi101 /m);
        },
      );

    it.each(['vi101', '101', '101i0', 'tap101i0', 'web1'])('finds %s right', async (wanted) => {
      expect(await explain(wanted)).toEqual({ last: ['All right.'], exitCode: 0 });
    });

    it('knows no guest 999', async () => {
      const { stderr, exitCode } = await cli('explain', '999');
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('no port or guest 999')]);
    });

    it('names an agent that was stopped, and finds the card by every name all the same', async () => {
      await host.sh('systemctl stop ovs-port-agent');
      try {
        for (const wanted of ['vi101', '101', '101i0', 'tap101i0', 'web1']) {
          const { stdout, exitCode } = await cli('explain', wanted);
          expect(exitCode).toBe(1);
          expect(stdout).toMatch(/^vi101: card 0 of web1 \(proxmox-qemu, VMID 101\), running$/m);
          expect(stdout).toMatch(/^ {2}marks +vmid=101 guest=web1 runtime=proxmox-qemu nic=0$/m);
          expect(verdictOf(stdout)).toEqual([expect.stringMatching(/^Fault: the agent does not answer/)]);
          // NetworkManager goes on without the agent, and keeps our name.
          if (suite === 'trixie') {
            expect(stdout).toMatch(/^ {2}row +tap101i0 on ovsbr0 holds tap101i0/m);
            expect(stdout).toMatch(/#\d+ +vi101 +port handed back /);
            expect(stdout).toContain("Note: Its row has Proxmox's own name now, tap101i0");
          } else expect(stdout).toMatch(/^ {2}row +vi101 on ovsbr0 holds tap101i0/m);
        }
      } finally {
        await host.sh('systemctl start ovs-port-agent');
      }
      await expectRight();
    });

    it('names a wrong VLAN with the command that puts it right, and before it the agent that died', async () => {
      await host.sh(`
        systemctl mask --runtime ovs-port-agent
        systemctl kill --signal KILL ovs-port-agent`);
      try {
        await eventually(
          () => host.exec(['systemctl', 'is-active', 'ovs-port-agent']),
          ({ stdout }) => expect(stdout).toBe('failed'),
        );
        await host.sh('ovs-vsctl set Port vi101 tag=9');
        const { stdout, exitCode } = await cli('explain', '101');
        expect([exitCode, verdictOf(stdout)]).toEqual([
          1,
          [
            expect.stringMatching(/^Fault: the agent does not answer/),
            'Also: its VLAN is 9, and should be none by the guest configuration',
          ],
        ]);
        await host.sh(stdout.split('\n').at(-1) ?? '');
      } finally {
        await host.sh('systemctl unmask --runtime ovs-port-agent; systemctl start ovs-port-agent');
      }
      await expectRight();
    });

    it('names a guest that does not run, and a row that an earlier run left', async () => {
      await host.sh('systemctl stop ovs-port-agent; qm stop 101');
      try {
        const { last } = await explain('101');
        expect(last.slice(0, 2)).toEqual([
          'Fault: web1 does not run, so it has no port',
          expect.stringMatching(/^Also: the agent does not answer/),
        ]);
        // ovs-vsctl complains that there is no such device.
        await host.sh(`
          set -- external_ids:ovs-port-agent.vmid='"101"' external_ids:ovs-port-agent.nic='"0"' \
            external_ids:ovs-port-agent.guest=web1 external_ids:ovs-port-agent.runtime=proxmox-qemu
          ovs-vsctl -- --id=@i create Interface name=tap101i0 "$@" \
            -- --id=@p create Port name=vi101 interfaces=@i "$@" -- add Bridge ovsbr0 ports @p 2>/dev/null || true`);
        expect(await explain('101')).toMatchObject({
          last: expect.arrayContaining(['Also: vi101 on ovsbr0 is left over: its guest does not run']),
          exitCode: 1,
        });
      } finally {
        await host.sh('systemctl start ovs-port-agent');
      }
      await eventually(
        () => explain('101'),
        ({ last }) => expect(last).toEqual(['Fault: web1 does not run, so it has no port']),
      );
      await host.sh('qm start 101');
      await expectRight();
    });

    it('says what it cannot see while OVSDB is away, and doctor says why', async () => {
      await host.sh('mv /run/openvswitch/db.sock /run/openvswitch/away');
      try {
        const { last, exitCode } = await explain('101');
        expect([exitCode, last]).toEqual([1, [expect.stringContaining('nothing can be told: OVSDB')]]);
        const { found } = await doctor('fail');
        expect(found).toContainEqual(expect.stringMatching(/^Open vSwitch: OVSDB: .*db\.sock/));
      } finally {
        await host.sh('mv /run/openvswitch/away /run/openvswitch/db.sock');
      }
    });
  });
});
