// Enrolment on a host like Proxmox 9: with Proxmox's commands, its hookscripts and its ways to bring a config back.
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type Host, upHost } from './host.ts';

const OURS = 'local:snippets/ovs-port-agent';
const RECORDS = '/etc/pve/ovs-port-agent/hookscripts';
const MINE = '/var/lib/vz/snippets/mine';

interface EnrolmentStatus {
  vmid: number;
  ours: boolean;
  former: string | null;
  problems: string[];
  notes: string[];
}

let host: Host;

const cli = (...args: string[]) => host.exec(['ovs-port-agent', 'proxmox', ...args]);
const hookscript = async (kind: 'qm' | 'pct', vmid: number) =>
  /^hookscript: (.*)$/m.exec(await host.sh(`${kind} config ${vmid}`))?.[1];
const standing = async (vmid: number): Promise<EnrolmentStatus | undefined> => {
  const { stdout } = await cli('status', '--json');
  return (JSON.parse(stdout) as { guests: EnrolmentStatus[] }).guests.find((guest) => guest.vmid === vmid);
};
const ledger = async () =>
  (await host.sh('ovs-port-agent ledger tail -n 200 --json'))
    .split('\n')
    .map((line) => JSON.parse(line) as { action: string; data: Record<string, unknown> });
const phases = () => host.sh('cat /run/mine.log; rm -f /run/mine.log');

beforeAll(async () => {
  host = await upHost('trixie', 'enrolment');
  await host.sh(`
    pve-init
    ovs-vsctl add-br ovsbr0 -- set Bridge ovsbr0 datapath_type=netdev
    ip link set ovsbr0 up
    printf '#!/bin/sh\\necho "$@" >>/run/mine.log\\necho "mine says $2"\\n' >${MINE}
    chmod 755 ${MINE}`);
  await host.installDeb(inject('deb'));
  await host.sh(`
    qm create 101 --net0 virtio,bridge=ovsbr0 --name web
    qm create 102 --name tpl --template 1
    pct create 201 --net0 name=eth0,bridge=ovsbr0 --hostname db --hookscript local:snippets/mine`);
});

afterAll(() => host?.down());

describe('enrolment of all guests', () => {
  it('sets the hookscript, keeps the one that was there, and is in the ledger', async () => {
    const { stdout, exitCode } = await cli('enroll', '--all');
    expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      'VMID  NAME  KIND  RESULT',
      '101   web   qemu  enrolled',
      '102   tpl   qemu  left alone: a template; enroll the guests that are made from it',
      '201   db    lxc   enrolled; local:snippets/mine runs after it',
    ]);
    expect(exitCode).toBe(0);
    expect([await hookscript('qm', 101), await hookscript('pct', 201)]).toEqual([OURS, OURS]);
    const noted = (await ledger()).filter(({ action }) => action === 'hookscript_enrolled');
    expect(noted.map(({ data }) => [data.vmid, data.former])).toEqual([
      [101, undefined],
      [201, 'local:snippets/mine'],
    ]);
  });

  it('has both run in every phase, ours first', async () => {
    const log = await host.sh('pct start 201; pct stop 201; cat /var/log/pve/tasks/201.log');
    expect(await phases()).toBe('201 pre-start\n201 post-start\n201 pre-stop\n201 post-stop');
    expect(log.indexOf('ovs-port-agent:')).toBeLessThan(log.indexOf('mine says pre-start'));
    expect((await ledger()).filter(({ data }) => data.vmid === 201 && data.phase)).not.toEqual([]);
  });

  it('has a start fail when the former hookscript is gone, as Proxmox itself does', async () => {
    await host.sh(`mv ${MINE} ${MINE}.away`);
    const { stdout, stderr, exitCode } = await host.exec(['pct', 'start', '201']);
    expect(exitCode).not.toBe(0);
    expect(stdout + stderr).toContain(`script '${MINE}' does not exist`);
    expect((await standing(201))?.problems).toHaveLength(1);
    expect((await cli('status')).exitCode).toBe(1);
    await host.sh(`mv ${MINE}.away ${MINE}`);
    expect((await cli('status')).exitCode).toBe(0);
  });

  it('waits for another command that holds the guest, and then says so and changes nothing', async () => {
    await cli('unenroll', '101');
    const before = await host.sh(`qm config 101; cat ${RECORDS}/101`);
    const { stdout, exitCode } = await host.exec([
      ...['flock', '/var/lock/qemu-server/lock-101.conf'],
      ...['ovs-port-agent', 'proxmox', 'enroll', '101', '201'],
    ]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('[guest-locked]');
    expect(stdout).toContain('was enrolled already');
    expect(await host.sh(`qm config 101; cat ${RECORDS}/101`)).toBe(before);
  });

  it('says that the cluster lets nothing be changed, and changes nothing', async () => {
    const before = await host.sh(`cat /etc/pve/*/*.conf ${RECORDS}/*`);
    await host.sh('mount --bind /etc/pve /etc/pve; mount -o remount,ro,bind /etc/pve');
    const enroll = await cli('enroll', '101');
    const unenroll = await cli('unenroll', '201');
    await host.sh('umount /etc/pve');
    for (const { stdout, stderr, exitCode } of [enroll, unenroll]) {
      expect([exitCode, stdout]).toEqual([3, '']);
      expect(stderr).toMatch(/\[proxmox-read-only\].*quorum/);
    }
    expect(await host.sh(`cat /etc/pve/*/*.conf ${RECORDS}/*`)).toBe(before);
  });

  it('refuses everybody but root', async () => {
    const { stderr, exitCode } = await host.exec([
      ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
      ...['ovs-port-agent', 'proxmox', 'enroll', '--all'],
    ]);
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('root')]);
  });
});

describe('a configuration that comes back from the past', () => {
  it('by a rollback, has the former hookscript run again', async () => {
    await host.sh('pct snapshot 201 enrolled');
    await cli('unenroll', '201');
    expect(await hookscript('pct', 201)).toBe('local:snippets/mine');
    await host.sh('pct rollback 201 enrolled');
    expect(await hookscript('pct', 201)).toBe(OURS);
    expect(await standing(201)).toMatchObject({ ours: true, former: 'local:snippets/mine' });
    await host.sh('rm -f /run/mine.log; pct start 201; pct stop 201');
    expect(await phases()).toContain('201 pre-start');
    await cli('enroll', '201');
    await host.sh('pct delsnapshot 201 enrolled');
  });

  it('by a clone, is told apart from an enrolled one', async () => {
    await host.sh('pct clone 201 202');
    expect(await standing(202)).toMatchObject({
      ours: true,
      former: null,
      notes: [expect.stringContaining('a clone or a rollback')],
    });
    await host.sh('pct destroy 202');
  });

  it.each([
    ['qm', 'virtio'],
    ['pct', 'name=eth0'],
  ] as const)(
    'by a clone (%s) that gets the number of a guest that is gone, does not run the hookscript of that one',
    async (tool, card) => {
      await host.sh(`
        ${tool} create 205 --net0 ${card},bridge=ovsbr0 --hookscript local:snippets/mine
        ${tool} create 206 --net0 ${card},bridge=ovsbr0`);
      expect((await cli('enroll', '205', '206')).exitCode).toBe(0);
      await host.sh(`rm -f /run/mine.log; ${tool} start 205; ${tool} stop 205`);
      expect(await phases()).toContain('205 pre-start');
      await host.sh(`cp /etc/pve/*/205.conf /run/205.conf; ${tool} destroy 205; ${tool} clone 206 205`);
      const log = await host.sh(`${tool} start 205; ${tool} stop 205; cat /var/log/pve/tasks/205.log`);
      expect(await host.sh('cat /run/mine.log 2>/dev/null || true')).toBe('');
      expect(log).toContain('the hookscript local:snippets/mine of an earlier guest 205 does not run');
      expect(await standing(205)).toMatchObject({
        former: null,
        notes: [expect.stringContaining('of another guest')],
      });
      // As a restore from a backup would bring it back.
      const folder = tool === 'qm' ? 'qemu-server' : 'lxc';
      await host.sh(`${tool} destroy 205; ${tool} create 205; cp /run/205.conf /etc/pve/${folder}/205.conf`);
      await host.sh(`${tool} start 205; ${tool} stop 205`);
      expect(await phases()).toContain('205 pre-start');
      await host.sh(`${tool} destroy 205; ${tool} destroy 206`);
    },
  );
});

describe('auto_enroll', () => {
  const enrolledBySelf = async (kind: 'qm' | 'pct', vmid: number) =>
    eventually(
      () => hookscript(kind, vmid),
      (found) => expect(found).toBe(OURS),
      30_000,
    );

  it('enrols the guests that come after it was switched on, and leaves the others', async () => {
    await cli('unenroll', '101');
    await host.sh(`
      printf '[proxmox]\\nauto_enroll = true\\n' >>/etc/ovs-port-agent/config.toml
      systemctl restart ovs-port-agent`);
    await eventually(
      () => host.sh('cat /var/lib/ovs-port-agent/known-guests.json'),
      (text) => expect(text).toContain('101'),
    );
    await host.sh('pct create 203 --net0 name=eth0,bridge=ovsbr0 --hookscript local:snippets/mine');
    await enrolledBySelf('pct', 203);
    expect(await standing(203)).toMatchObject({ former: 'local:snippets/mine', notes: [] });
    expect(await hookscript('qm', 101)).toBeUndefined();
    await eventually(ledger, (blocks) =>
      expect(blocks).toContainEqual(
        expect.objectContaining({
          action: 'hookscript_enrolled',
          data: expect.objectContaining({ vmid: 203, former: 'local:snippets/mine' }),
        }),
      ),
    );
  });

  it('does not enrol again what somebody unenrolled', async () => {
    await cli('unenroll', '203');
    await host.sh('qm create 104 --net0 virtio,bridge=ovsbr0');
    await enrolledBySelf('qm', 104);
    expect(await hookscript('pct', 203)).toBe('local:snippets/mine');
  });

  it('enrols a guest that was locked once it is free', async () => {
    await host.sh('qm create 105 --lock clone; qm create 106');
    await enrolledBySelf('qm', 106);
    expect(await hookscript('qm', 105)).toBeUndefined();
    await host.sh('sed -i /^lock:/d /etc/pve/qemu-server/105.conf');
    await enrolledBySelf('qm', 105);
  });
});

describe('the package, removed', () => {
  it('leaves the former hookscripts running', async () => {
    await host.sh('DEBIAN_FRONTEND=noninteractive apt-get remove -y ovs-port-agent 2>&1');
    await host.sh('rm -f /run/mine.log; pct start 201; pct stop 201');
    expect(await phases()).toBe('201 pre-start\n201 post-start\n201 pre-stop\n201 post-stop');
  });

  it('and purged, forgets them once no guest names ours', async () => {
    await host.installDeb(inject('deb'));
    expect((await cli('unenroll', '--all')).exitCode).toBe(0);
    await host.sh('DEBIAN_FRONTEND=noninteractive apt-get purge -y ovs-port-agent 2>&1');
    expect(await host.sh('ls /etc/pve')).not.toContain('ovs-port-agent');
    expect(await hookscript('pct', 201)).toBe('local:snippets/mine');
    await host.sh('pct start 201; pct stop 201');
  });
});
