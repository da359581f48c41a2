// The test host itself: what the other lab tests rely on, and that its stand-ins keep Proxmox's contract.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, upHost } from './host.ts';

/** ms; the default of one second is short for a busy machine. */
const SOON = { timeout: 30_000 };

let host: Host;

beforeAll(async () => {
  host = await upHost('forky', 'host-test');
  await host.sh('pve-init; nm-bridge ovsbr0 10.0.0.1/24');
});

afterAll(() => host?.down());

describe('a test host', () => {
  it('passes exit code, stdin, stdout and stderr through', async () => {
    const result = await host.exec(['sh', '-c', 'cat; echo problem >&2; exit 7'], { input: 'hello' });
    expect(result).toEqual({ stdout: 'hello', stderr: 'problem', exitCode: 7 });
  });

  it('runs the daemons and shows the checkout read-only', async () => {
    await host.sh('systemctl is-active dbus NetworkManager ovs-vswitchd docker');
    expect((await host.exec(['touch', '/src/x'])).exitCode).not.toBe(0);
  });

  it('sees no network but its own', async () => {
    const links = JSON.parse(await host.sh('ip -json link')) as { ifname: string }[];
    const expected = ['docker0', 'lo', 'lxcbr0', 'ovs-netdev', 'ovsbr0'];
    expect(links.map((link) => link.ifname).sort()).toEqual(expected);
  });

  it('has a NetworkManager that leaves the cards of containers alone, as udev makes it elsewhere', async () => {
    await host.sh('docker-image; docker run -d --name carded opa-test');
    const veths = await host.sh('nmcli -t -f DEVICE,STATE device | grep ^veth');
    expect(veths.split('\n').map((line) => line.split(':')[1])).toEqual(['unmanaged']);
    expect(await host.sh('nmcli -t -f NAME connection show')).not.toContain('Wired');
    await host.sh('docker rm -f carded');
  });

  it.each(['trixie', 'bookworm'] as const)(
    'of %s has no NetworkManager, as Proxmox has none',
    async (suite) => {
      await using other = await upHost(suite, `bare-${suite}`);
      const traces = [
        'command -v NetworkManager nmcli',
        'dpkg-query -W network-manager',
        'systemctl cat NetworkManager',
        'busctl call org.freedesktop.NetworkManager / org.freedesktop.DBus.Peer Ping',
      ];
      for (const look of traces) expect((await other.exec(['sh', '-c', look])).exitCode, look).not.toBe(0);
      expect(
        await other.sh(
          'systemctl --failed --plain --no-legend; dpkg --audit; find -L /etc/systemd/system -type l',
        ),
      ).toBe('');
    },
  );

  it('ends a command that takes too long', async () => {
    await expect(host.exec(['sleep', '4711'], { timeout: 300 })).rejects.toThrow('not done within 300 ms');
    await expect.poll(() => host.exec(['pgrep', '-f', 'sleep 4711']), SOON).toMatchObject({ exitCode: 1 });
  });
});

// Notes argv, what Proxmox sets, and whether the port is there, for each phase.
const hook = `#!/bin/sh
plugged=$(ovs-vsctl list-ports ovsbr0 | grep -c "[hp]$1i0")
echo "$1 $2 port=$plugged LC_ALL=$LC_ALL LVM=$LVM_SUPPRESS_FD_WARNINGS from=\${PVE_MIGRATED_FROM-unset} stdin=$(wc -c)" >>/tmp/phases
[ "$2" != "$(cat /tmp/fail 2>/dev/null)" ]
`;

async function installHook(): Promise<void> {
  await host.exec(['sh', '-c', 'cat >/var/lib/vz/snippets/note; chmod +x /var/lib/vz/snippets/note'], {
    input: hook,
  });
  await host.sh('rm -f /tmp/phases /tmp/fail');
}

const phases = async () => (await host.sh('cat /tmp/phases')).split('\n');
const ports = async () => (await host.sh('ovs-vsctl list-ports ovsbr0')).split('\n').filter(Boolean);

describe('the qm stand-in', () => {
  beforeAll(async () => {
    await host.sh(
      'qm create 101 --net0 virtio,bridge=ovsbr0 --ipconfig0 ip=10.0.0.101/24 --hookscript local:snippets/note',
    );
  });

  it('runs the hookscript in order, with the environment and the stdin of Proxmox', async () => {
    await installHook();
    await host.sh('qm start 101; qm stop 101');
    expect(await phases()).toEqual([
      '101 pre-start port=0 LC_ALL=C LVM=1 from= stdin=0',
      '101 post-start port=1 LC_ALL=C LVM=1 from= stdin=0',
      '101 pre-stop port=1 LC_ALL=C LVM=1 from=unset stdin=0',
      '101 post-stop port=0 LC_ALL=C LVM=1 from=unset stdin=0',
    ]);
  });

  it('starts a VM that answers, and notices when it dies', async () => {
    await installHook();
    await host.sh('qm start 101; timeout 60 sh -c "until ping -c1 -W1 10.0.0.101; do :; done"');
    await host.sh('kill -KILL $(cat /var/run/qemu-server/101.pid)');
    await expect.poll(phases, SOON).toHaveLength(3);
    expect((await phases())[2]).toContain('post-stop port=0');
  });

  it('aborts the start when pre-start fails, and only warns in the other phases', async () => {
    await installHook();
    await host.sh('echo pre-start >/tmp/fail');
    const aborted = await host.exec(['qm', 'start', '101']);
    expect(aborted.exitCode).toBe(255);
    expect(aborted.stderr).toContain('hookscript error for 101 on pre-start: command');
    await host.sh('echo post-start >/tmp/fail');
    const warned = await host.exec(['qm', 'start', '101']);
    expect(warned).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('on post-start') });
    await host.sh('rm /tmp/fail; qm stop 101');
  });

  it('waits for a child that a hook leaves behind with its stderr', async () => {
    await host.sh('printf "#!/bin/sh\\nsleep 2 >/dev/null </dev/null &\\n" >/var/lib/vz/snippets/note');
    const began = Date.now();
    await host.sh('qm start 101');
    expect(Date.now() - began).toBeGreaterThan(4000); // twice: pre-start and post-start
    await installHook();
    await host.sh('qm stop 101');
  });

  it('holds the lock while hooks run, whose PATH is set and not inherited', async () => {
    await host.sh('printf "#!/bin/sh\\nqm set 101 --memory 256\\n" >/var/lib/vz/snippets/note');
    // Without a PATH that has it the hook would not find qm.
    const locked = await host.exec(['env', 'PATH=/usr/bin:/bin', '/usr/sbin/qm', 'start', '101']);
    expect(locked.stderr).toContain("can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout");
    await installHook();
  });

  it('puts the OVS internal port of the firewall bridge on the bridge when firewall=1', async () => {
    await installHook();
    await host.sh('qm create 102 --net0 virtio,bridge=ovsbr0,firewall=1; qm start 102');
    expect(await ports()).toContain('fwln102o0');
    expect(await ports()).not.toContain('tap102i0');
    await host.sh('qm stop 102');
    expect(await ports()).not.toContain('fwln102o0');
  });
});

describe('the pct stand-in', () => {
  it('runs a container that answers, with the hookscript in order', async () => {
    await installHook();
    await host.sh(
      'pct create 200 --net0 name=eth0,bridge=ovsbr0,ip=10.0.0.200/24 --hookscript local:snippets/note; pct start 200',
    );
    await host.sh('timeout 10 sh -c "until ping -c1 -W1 10.0.0.200; do :; done"; pct stop 200');
    expect((await phases()).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      '200 pre-start port=0',
      '200 post-start port=1',
      '200 pre-stop port=1',
      '200 post-stop port=0',
    ]);
  });

  it('runs no phase when the container reboots from inside', async () => {
    await host.sh('pct start 200');
    await installHook();
    // The reboot may end the command that asked for it.
    await host.exec(['pct', 'exec', '200', '--', 'reboot']);
    await host.sh('sleep 0.5');
    await expect
      .poll(async () => (await host.exec(['pct', 'status', '200'])).stdout, SOON)
      .toBe('status: running');
    await expect.poll(ports, SOON).toContain('veth200i0');
    expect((await host.exec(['cat', '/tmp/phases'])).exitCode).toBe(1);
    await host.sh('pct stop 200');
  });
});

describe('plain guests', () => {
  it('run as an LXC container and as a Docker container', async () => {
    await host.sh('lxc-guest create web --link ovsbr0 --ip 10.0.0.50/24; lxc-guest start web');
    await host.sh('ping -c1 -W3 10.0.0.50; lxc-guest stop web; lxc-guest destroy web');
    await host.sh(
      'docker-image; docker run -d --name web opa-test; docker exec web ip addr; docker rm -f web',
    );
  });
});
