// `doctor` and `explain` on whole hosts: nothing to say of a healthy one, the right line for each thing that breaks.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
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
