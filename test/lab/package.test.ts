// The Debian package on a host with guests: install, upgrade, reinstall, remove, purge.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type Host, upHost } from './host.ts';
import { lostDuring } from './pings.ts';

const SNIPPET = '/var/lib/vz/snippets/ovs-port-agent';
const CONTAINER = '10.9.0.2';
const LXC_STUB = '/var/lib/ovs-port-agent/hooks/lxc';

let host: Host;
let folder: string;
let older: string;
const newer = inject('deb');

async function buildDeb(version: string): Promise<string> {
  await execa('scripts/deb', { env: { OUT: folder, VERSION: version } });
  return join(folder, String((await readdir(folder))[0]));
}

const apt = (what: string) => host.sh(`DEBIAN_FRONTEND=noninteractive apt-get ${what} 2>&1`);
/** V8 says so of an option that it does not know, and goes on. */
const UNKNOWN_OPTIONS = `journalctl -u ovs-port-agent --no-pager -o cat | grep -ci 'unrecognized\\|bad option' || true`;
const installed = () => host.sh(`dpkg-query --show --showformat '\${Version}' ovs-port-agent`);
const exists = async (path: string) => (await host.exec(['test', '-e', path])).exitCode === 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ovs-port-agent-package-'));
  older = await buildDeb('0.0.9');
  host = await upHost('forky', 'package');
  await host.sh('pve-init');
});

afterAll(async () => {
  await host?.down();
  await rm(folder, { recursive: true, force: true });
});

describe('the package on a Proxmox host', () => {
  it('starts the agent when it is installed, and puts the snippet where Proxmox looks', async () => {
    await host.installDeb(older);
    expect(await host.sh('systemctl is-active ovs-port-agent; systemctl is-enabled ovs-port-agent')).toBe(
      'active\nenabled',
    );
    expect(await host.sh(`stat -c %a ${SNIPPET}`)).toBe('755');
    expect(await host.sh('ovs-port-agent status --json')).toContain('{');
    expect(await host.sh(UNKNOWN_OPTIONS)).toBe('0');
  });

  it('lets root alone talk to the agent, or see what it offers', async () => {
    const asNobody = (...call: string[]) =>
      host.exec(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'busctl', ...call]);
    const agent = ['dev.ovs.PortAgent1', '/dev/ovs/PortAgent1'];
    for (const call of [
      ['introspect', ...agent],
      ['call', ...agent, 'dev.ovs.PortAgent1', 'ListPorts'],
      ['call', ...agent, 'org.freedesktop.DBus.Peer', 'Ping'],
    ]) {
      const refused = await asNobody(...call);
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr).toMatch(/denied|not allowed/i);
    }
  });

  it('connects the guests that start', async () => {
    await host.sh(`
      nm-bridge ovsbr0 10.9.0.1/24 || ip addr add 10.9.0.1/24 dev ovsbr0
      qm create 101 --net0 virtio,bridge=ovsbr0 --hookscript local:snippets/ovs-port-agent
      qm start 101
      lxc-guest create web --link ovsbr0 --ip 10.9.0.2/24
      lxc-guest start web`);
    await expect
      .poll(() => host.exec(['ping', '-c1', '-W1', '10.9.0.2']), { timeout: 30_000 })
      .toMatchObject({ exitCode: 0 });
    expect(await host.sh('ovs-vsctl list-ports ovsbr0')).toContain('vi101');
  });

  it('is upgraded without a lost packet, and keeps an edited configuration', async () => {
    await host.sh(`echo '# mine' >>/etc/ovs-port-agent/config.toml`);
    expect(await lostDuring(host, CONTAINER, () => host.installDeb(newer))).toBe(0);
    expect(await installed()).not.toBe('0.0.9');
    expect(
      await host.sh('tail -n 1 /etc/ovs-port-agent/config.toml; systemctl is-active ovs-port-agent'),
    ).toBe('# mine\nactive');
  });

  it('is installed again over itself without a lost packet', async () => {
    expect(
      await lostDuring(host, CONTAINER, () => apt(`install -y --reinstall /tmp/${basename(newer)}`)),
    ).toBe(0);
  });

  it('is shut in as far as its work allows, and bounded', async () => {
    const exposure = await host.sh('systemd-analyze security --no-pager ovs-port-agent | tail -n 1');
    expect(Number(/: (\d+\.\d)/.exec(exposure)?.[1])).toBeLessThanOrEqual(2.7);
    const limits = await host.sh('systemctl show --property MemoryMax,TasksMax,KillMode ovs-port-agent');
    expect(limits.split('\n').sort()).toEqual(['KillMode=mixed', 'MemoryMax=1073741824', 'TasksMax=256']);
  });

  it('needs no capability that its unit does not give', async () => {
    const journal = await host.sh('journalctl --unit ovs-port-agent --output cat');
    expect(journal).not.toMatch(/EPERM|EACCES|EROFS|not permitted|permission denied/i);
  });
});

describe('the hook stub', () => {
  const hook = '/usr/lib/ovs-port-agent/proxmox-hook.cjs';
  const fast = '/usr/lib/ovs-port-agent/hook.pl';
  // No guest has this number: the agent hears the event of one that is about to start.
  const run = async () => (await host.exec([SNIPPET, '999', 'pre-start'])).exitCode;
  const withFile = async (file: string, body: string) => {
    await host.sh(`cp ${file} /tmp/saved; echo '${body}' >${file}`);
    const code = await run();
    await host.sh(`cp /tmp/saved ${file}`);
    return code;
  };

  it('asks the agent without Node', async () => {
    await host.sh(
      'mv /usr/bin/node /usr/bin/node.away; printf "#!/bin/sh\nexit 9\n" >/usr/bin/node; chmod +x /usr/bin/node',
    );
    const { stdout } = await host.exec([SNIPPET, '999', 'pre-start']);
    await host.sh('mv /usr/bin/node.away /usr/bin/node');
    expect(stdout).toMatch(/^ovs-port-agent: .*ready|^ovs-port-agent: .*no /);
  });

  it.each(['die "no"', 'this is not Perl {', 'kill 9, $$'])(
    'asks by Node when perl fails: %s',
    async (body) => {
      await host.sh(`cp ${fast} /tmp/fast.saved; echo '${body}' >${fast}`);
      const { stdout, exitCode } = await host.exec([SNIPPET, '999', 'pre-start']);
      await host.sh(`cp /tmp/fast.saved ${fast}`);
      expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^ovs-port-agent: /)]);
    },
  );

  describe('without the fast way', () => {
    beforeAll(() => host.sh(`mv ${fast} /tmp/fast.away`));
    afterAll(() => host.sh(`mv /tmp/fast.away ${fast}`));

    it('never fails a guest when the hook breaks', async () => {
      expect(await withFile(hook, 'throw new Error()')).toBe(0);
      expect(await withFile(hook, 'process.abort()')).toBe(0);
      expect(await withFile(hook, 'this is not JavaScript')).toBe(0);
    });

    it('passes on the one code with which "strict" refuses a start', async () => {
      expect(await withFile(hook, 'process.exit(3)')).toBe(3);
    });
  });

  it('passes that code on from perl, too', async () => {
    expect(await withFile(fast, 'exit 3')).toBe(3);
  });

  it('never fails a guest when Node is gone', async () => {
    await host.sh('mv /usr/bin/node /usr/bin/node.away');
    expect(await run()).toBe(0);
    await host.sh('mv /usr/bin/node.away /usr/bin/node');
  });

  it('does nothing for a user who may not talk to the agent', async () => {
    const asNobody = await host.exec([
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      LXC_STUB,
      'x',
      'lxc',
      'start-host',
    ]);
    expect(asNobody).toEqual({ stdout: '', stderr: '', exitCode: 0 });
  });
});

describe('the package, removed', () => {
  it('leaves every running guest connected', async () => {
    expect(await lostDuring(host, CONTAINER, () => apt('remove -y ovs-port-agent'))).toBe(0);
    expect((await host.exec(['systemctl', 'is-active', 'ovs-port-agent'])).stdout).toBe('inactive');
    expect(await host.sh('ovs-vsctl list-ports ovsbr0')).toContain('vi101');
  });

  it('leaves every guest startable', async () => {
    await host.sh('qm stop 101; qm start 101; lxc-guest stop web; lxc-guest start web');
  });

  it('keeps, when purged, the snippet that a guest needs, and says which guest', async () => {
    const said = await apt('purge -y ovs-port-agent');
    expect(said).toContain(`keeping ${SNIPPET}`);
    expect(said).toMatch(/nodes\/.*\/qemu-server\/101\.conf/);
    expect(await exists(SNIPPET)).toBe(true);
    await host.sh('qm stop 101; qm start 101');
  });

  it('leaves nothing but the ledger when no guest needs it', async () => {
    await host.sh('qm stop 101; lxc-guest stop web');
    await host.installDeb(newer);
    await host.sh('qm set 101 --delete hookscript');
    const said = await apt('purge -y ovs-port-agent');
    expect(said).toContain('the ledger is kept in /var/backups/ovs-port-agent-ledger-');
    const left = await host.sh(
      String.raw`find / -xdev \( -path /proc -o -path /src -o -path /tmp \) -prune -o \( -name '*ovs-port-agent*' -o -name '*PortAgent*' \) -print`,
    );
    const lines = left.split('\n').filter(Boolean);
    expect(lines.every((line) => line.startsWith('/var/backups/ovs-port-agent-ledger-'))).toBe(true);
    expect(await host.sh('find /var/backups/ovs-port-agent-ledger-* -name ledger.jsonl')).not.toBe('');
  });
});

// Debian 13 as under Proxmox 9 and Debian 12 as under Proxmox 8: Node 20 and 18, NetworkManager without Open vSwitch.
describe.each(['trixie', 'bookworm'] as const)('the package on %s', (suite) => {
  let old: Host;
  beforeAll(async () => {
    old = await upHost(suite, `package-${suite}`);
    await old.sh('pve-init; ovs-vsctl add-br ovsbr0 -- set Bridge ovsbr0 datapath_type=netdev');
  });
  afterAll(() => old?.down());

  // Node 18 gives the first page of the kernel's list of sockets, unless it is read to its end.
  it('starts its agent, which finds a container among all that a busy host runs', async () => {
    await old.sh(`
      systemd-run --quiet --unit=busy python3 -c '
import socket, time
kept = [socket.socket(socket.AF_UNIX) for _ in range(900)]
for n, one in enumerate(kept): one.bind(f"/run/busy-{n}")
time.sleep(3600)'
      lxc-guest create early --link ovsbr0; lxc-guest start early`);
    await eventually(
      () => old.sh('ls /run | grep -c busy- || true'),
      (count) => expect(count).toBe('900'),
    );
    await old.installDeb(newer);
    expect(await old.sh('systemctl is-active ovs-port-agent')).toBe('active');
    const ports = () => old.sh('ovs-port-agent list');
    await eventually(ports, (text) => expect(text).toContain(' early '));
    await old.sh('systemctl restart ovs-port-agent');
    await eventually(ports, (text) => expect(text).toContain(' early '));
  });

  it('has a witness that cosigns, and that comes back with the package if it was enabled', async () => {
    const config = '/etc/ovs-port-agent/config.toml';
    await old.sh(`
      printf '[witness]\nlisten = "127.0.0.1:7380"\nlogs = ["%s"]\n' "$(ovs-port-agent ledger key)" >>${config}
      systemctl enable --now --quiet ovs-port-agent-witness`);
    const key = await eventually(
      () => old.sh('ovs-port-agent ledger witness key'),
      (text) => expect(text).toContain('/witness+'),
    );
    await old.sh(`printf '[[ledger.witnesses]]\nkey = "%s"\nurl = "http://127.0.0.1:7380/"\n' '${key}' >>${config}
      systemctl restart ovs-port-agent`);
    type Shown = { ledger: { size: number }; witnesses: object[] };
    const cosigned = () =>
      eventually(
        async () => {
          await old.exec(['ovs-port-agent', 'ledger', 'checkpoint']);
          const { stdout } = await old.exec(['ovs-port-agent', 'ledger', 'witness', 'status', '--json']);
          return JSON.parse(stdout) as Shown;
        },
        ({ ledger: { size }, witnesses: [one] }) => expect(one).toMatchObject({ size, problem: null }),
      );
    await cosigned();
    await old.sh(`DEBIAN_FRONTEND=noninteractive apt-get remove -y ovs-port-agent 2>&1`);
    expect(await old.sh("systemctl list-units --all --no-legend '*ovs-port-agent*'")).not.toContain(
      'not-found active',
    );
    await old.installDeb(newer);
    expect(await old.sh('systemctl is-active ovs-port-agent ovs-port-agent-witness')).toBe('active\nactive');
    await cosigned();
  });

  it('lets a guest start, and is purged', async () => {
    expect(await old.sh(UNKNOWN_OPTIONS)).toBe('0');
    await old.sh(`
      qm create 101 --net0 virtio,bridge=ovsbr0 --hookscript local:snippets/ovs-port-agent
      qm start 101`);
    expect((await old.exec(['ovs-port-agent', 'ledger', 'verify'])).exitCode).toBe(0);
    await old.sh(`
      qm stop 101; qm set 101 --delete hookscript
      DEBIAN_FRONTEND=noninteractive apt-get purge -y ovs-port-agent 2>&1`);
    expect((await old.exec(['test', '-e', SNIPPET])).exitCode).toBe(1);
  });
});
