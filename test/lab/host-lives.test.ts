// What becomes of a guest besides start and stop: clones, snapshots, migrations, backups; with Proxmox's hook phases.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Host, type Suite, upHost } from './host.ts';

const suites: Suite[] = ['forky', 'trixie', 'bookworm'];

// Notes each phase with what the host looks like: the port, the lock in the guest's file and the node that has it.
const hook = `#!/bin/sh
file=$(ls /etc/pve/nodes/*/*/$1.conf)
plugged=$(ovs-vsctl list-ports ovsbr0 | grep -c "[hp]$1i0")
lock=$(sed -n 's/^lock: //p' $file)
echo "$1 $2 port=$plugged lock=$lock node=$(echo $file | cut -d/ -f5) from=\${PVE_MIGRATED_FROM-}" >>/tmp/phases
`;

describe.each(suites)('on %s', (suite) => {
  let host: Host;

  beforeAll(async () => {
    host = await upHost(suite, `lives-${suite}`);
    await host.sh('pve-init; ovs-bridge ovsbr0 10.0.0.1/24; mkdir -p /etc/pve/nodes/pve2/qemu-server');
    await host.exec(['sh', '-c', 'cat >/var/lib/vz/snippets/note; chmod +x /var/lib/vz/snippets/note'], {
      input: hook,
    });
  });

  afterAll(() => host?.down());

  // Each test, and each retry, has guests of its own: what a failed one left would fail the next.
  beforeEach(async () => {
    await host.sh(`
      rm -f /etc/pve/nodes/pve2/*/*.conf; pve-init
      for vmid in $(ls /etc/pve/qemu-server | sed s/.conf$//); do qm stop $vmid || true; qm destroy $vmid; done
      for vmid in $(ls /etc/pve/lxc | sed s/.conf$//); do pct stop $vmid || true; pct destroy $vmid; done
      qm create 101 --net0 virtio,bridge=ovsbr0 --hookscript local:snippets/note --name first
      pct create 200 --net0 name=eth0,bridge=ovsbr0,tag=3 --hookscript local:snippets/note
      : >/tmp/phases`);
  });

  const phases = async () => (await host.sh('cat /tmp/phases')).split('\n').filter(Boolean);
  const ports = async () => (await host.sh('ovs-vsctl list-ports ovsbr0')).split('\n').filter(Boolean);
  const config = (command: 'qm' | 'pct', vmid: number) => host.sh(`${command} config ${vmid}`);
  const uuidOf = (text: string) => /^smbios1: uuid=(\S+)$/m.exec(text)?.[1];
  const vmlist = async () =>
    JSON.parse(await host.sh('cat /etc/pve/.vmlist')) as { ids: Record<string, { node: string }> };

  it('clones a guest with its hookscript, other MAC addresses and another UUID', async () => {
    await host.sh('qm clone 101 111 --name second; pct clone 200 211');
    const [origin, cloned] = [await config('qm', 101), await config('qm', 111)];
    expect(cloned).toMatch(
      /^hookscript: local:snippets\/note\nname: second\nnet0: virtio=BC:24:11:..:..:..,bridge=ovsbr0\nsmbios1: uuid=[-0-9a-f]{36}$/,
    );
    expect(cloned).not.toContain(/BC[^,]*/.exec(origin)?.[0]);
    expect(cloned).not.toContain(uuidOf(origin));
    expect(await config('pct', 211)).toMatch(
      /hostname: Copy-of-CT-200\nnet0: name=eth0,bridge=ovsbr0,tag=3,hwaddr=BC/,
    );
    expect(await config('pct', 211)).not.toContain(/BC.*/.exec(await config('pct', 200))?.[0]);
    await host.sh('pct start 211; pct stop 211');
    expect((await host.exec(['qm', 'clone', '101', '200'])).stderr).toContain('already exists');
  });

  it('rolls back to a snapshot: stops the guest with its hooks, then has the former card and hookscript', async () => {
    const uuid = uuidOf(await config('qm', 101));
    await host.sh(`qm snapshot 101 before; pct snapshot 200 before
      qm set 101 --net0 virtio,bridge=ovsbr0,tag=9 --delete hookscript
      pct set 200 --net0 name=eth0,bridge=ovsbr0 --delete hookscript
      qm start 101; pct start 200; qm set 101 --memory 192 --hookscript local:snippets/note`);
    await host.sh('qm rollback 101 before; pct rollback 200 before --start');
    expect(await phases()).toEqual([
      `101 pre-stop port=1 lock= node=${host.name} from=`,
      `101 post-stop port=0 lock= node=${host.name} from=`,
      `200 pre-start port=0 lock= node=${host.name} from=`,
      `200 post-start port=1 lock= node=${host.name} from=`,
    ]);
    const back = await config('qm', 101);
    expect(back).toMatch(
      /^hookscript: .*\nname: first\nnet0: virtio=.*,bridge=ovsbr0\nparent: before\nsmbios1: uuid=\S+$/,
    );
    expect(uuidOf(back)).toBe(uuid);
    expect(await config('pct', 200)).toMatch(/^hookscript: .*\nnet0: .*,tag=3,.*\nparent: before$/);
    expect(await host.sh('cat /etc/pve/qemu-server/101.conf')).toMatch(/\n\n\[before\]\nhookscript: /);
    await host.sh('qm delsnapshot 101 before; pct stop 200; pct delsnapshot 200 before');
    expect(await host.sh('cat /etc/pve/qemu-server/101.conf')).not.toContain('before');
  });

  it('takes a VM in from another node: its hooks run while that still has the file', async () => {
    await host.sh('mv /etc/pve/qemu-server/101.conf /etc/pve/nodes/pve2/qemu-server/; pve-init');
    await host.sh('qm migrate-in 101 --from pve2');
    expect(await phases()).toEqual([
      '101 pre-start port=0 lock=migrate node=pve2 from=pve2',
      '101 post-start port=1 lock=migrate node=pve2 from=pve2',
    ]);
    expect((await vmlist()).ids['101']).toMatchObject({ node: host.name });
    expect(await host.sh('qm status 101')).toBe('status: running');
    expect(await config('qm', 101)).not.toContain('lock');
    await host.sh('qm set 101 --net1 virtio,bridge=ovsbr0'); // QEMU has PVE_MIGRATED_FROM in its environment for ever
    expect(await ports()).toEqual(['tap101i0', 'tap101i1']);
  });

  // What no version of a daemon has a part in, once.
  const once = it.runIf(suite === 'trixie');

  once('plugs a VM from another node as it was there, whatever is pending', async () => {
    await host.sh(`file=/etc/pve/qemu-server/101.conf; net=$(sed -n 's/^net0: //p' $file)
      printf '\n[PENDING]\nnet0: %s,tag=9\n' "$net" >>$file
      mv $file /etc/pve/nodes/pve2/qemu-server/; pve-init; qm migrate-in 101 --from pve2`);
    expect(await host.sh('ovs-vsctl get Port tap101i0 tag')).toBe('[]');
    expect(await host.sh('cat /etc/pve/qemu-server/101.conf')).toContain('[PENDING]');
    await host.sh('qm stop 101');
    expect(await config('qm', 101)).toContain('tag=9');
  });

  once('ends a VM that does not listen by SIGTERM first, and unplugs one that crashed', async () => {
    const flag = '/run/qemu-server/101.cleanup';
    await host.sh(`qm start 101; test -f ${flag}; rm /run/qemu-server/101.qmp; : >/tmp/phases`);
    const { stderr } = await host.exec(['qm', 'stop', '101']);
    expect(stderr).toContain('VM quit/powerdown failed - terminating now with SIGTERM');
    expect(stderr).not.toContain('SIGKILL');
    // kvm itself has run pve-bridgedown.
    const stopped = ['pre-stop port=1', 'post-stop port=0'].map((text) => expect.stringContaining(text));
    await expect.poll(phases).toEqual(stopped);
    await host.sh(`qm start 101; : >/tmp/phases; kill -KILL $(cat /run/qemu-server/101.pid)`);
    await expect.poll(phases, { timeout: 20_000 }).toEqual([expect.stringContaining('post-stop port=0')]);
    await host.sh(`timeout 20 sh -c 'while test -e ${flag}; do sleep 0.05; done'`);
    // Killed by a stop, it is unplugged after post-stop.
    await host.sh('qm start 101; rm /run/qemu-server/101.qmp; : >/tmp/phases');
    await host.sh('kill -STOP $(cat /run/qemu-server/101.pid)');
    expect((await host.exec(['qm', 'stop', '101'])).stderr).toContain('terminating now with SIGKILL');
    expect(await phases()).toEqual(
      ['pre-stop port=1', 'post-stop port=1'].map((text) => expect.stringContaining(text)),
    );
    await expect.poll(ports, { timeout: 20_000 }).toEqual([]);
  });

  it('gives a VM to another node without any hook', async () => {
    await host.sh('qm start 101; : >/tmp/phases; qm migrate-out 101 --to pve2');
    expect(await phases()).toEqual([]);
    expect(await ports()).toEqual([]);
    expect((await vmlist()).ids['101']).toMatchObject({ node: 'pve2' });
    expect((await host.exec(['qm', 'status', '101'])).stderr).toContain('does not exist');
  });

  it('migrates a container by a stop here and a start there', async () => {
    await host.sh(
      'pct start 200; pct migrate 200 pve2 --restart; pct migrate-in 200 --from pve2; pct stop 200',
    );
    expect((await phases()).map((line) => line.split(' ')[1])).toEqual([
      'pre-start',
      'post-start',
      'pre-stop',
      'post-stop',
      'pre-start',
      'post-start',
      'pre-stop',
      'post-stop',
    ]);
  });

  it('backs a stopped VM up: starts it paused and locked, and stops it again', async () => {
    await host.sh('vzdump 101');
    expect(await phases()).toEqual([
      `101 pre-start port=0 lock=backup node=${host.name} from=`,
      `101 post-start port=1 lock=backup node=${host.name} from=`,
      `101 pre-stop port=1 lock=backup node=${host.name} from=`,
      `101 post-stop port=0 lock=backup node=${host.name} from=`,
    ]);
    expect(await config('qm', 101)).not.toContain('lock');
  });

  it('backs a running guest up without any hook, locked', async () => {
    await host.sh('qm start 101; pct start 200; : >/tmp/phases');
    const refused = await host.sh(`vzdump 101 200 --seconds 4 >/dev/null &
      until grep -q 'lock: backup' /etc/pve/qemu-server/101.conf; do sleep 0.05; done
      qm set 101 --onboot 0 2>&1 || true
      wait`);
    expect(refused).toContain('VM is locked (backup)');
    expect(await phases()).toEqual([]);
    expect(await config('qm', 101)).not.toContain('lock');
  });
});
