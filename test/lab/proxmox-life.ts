// What Proxmox does to its guests, in its own command order, and what is right afterwards: the same promises for both modes.
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { lostDuring } from './pings.ts';
import {
  actionsOf,
  change,
  create,
  expectAnswers,
  expectGone,
  expectLedgerWhole,
  expectPorts,
  heightOf,
  type LabGuest,
  labGuest,
  type ProxmoxHost,
} from './proxmox-host.ts';

type HostOf = () => ProxmoxHost;

const title = ({ kind, hooked }: LabGuest) => `a ${kind} ${hooked ? 'with' : 'without'} the hookscript`;

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ');

/** What ends a process that systemd did not start for us: the guest's kvm, or the first process of a container. */
const pidOf = ({ kind, vmid }: LabGuest) =>
  kind === 'VM' ? `$(cat /var/run/qemu-server/${vmid}.pid)` : `$(lxc-info -n ${vmid} -p -H)`;

const powerdown = (vmid: number) => `
  printf '{"execute":"qmp_capabilities"}\\n{"execute":"system_powerdown"}\\n' |
    socat -t 1 - UNIX:/var/run/qemu-server/${vmid}.qmp >/dev/null`;

/** What it takes to give a card Proxmox's name while a lock is open, and ours again. */
const STEPS_ASIDE = ['guest_seen', 'port_hand_back', 'port_handed_back', 'port_adopt', 'port_adopted'];

const LIVES = [
  labGuest('VM', 101, true),
  labGuest('VM', 102, false),
  labGuest('container', 201, true),
  labGuest('container', 202, false),
];

/** Starts and ends of a guest, asked for or not. */
export function describeLives(hostOf: HostOf, guests = LIVES): void {
  describe.each(guests.map((guest) => [title(guest), guest] as const))('%s', (_, guest) => {
    const { tool, vmid } = guest;
    const isVm = guest.kind === 'VM';
    const run = (verb: string) => hostOf().sh(`${tool} ${verb} ${vmid}`);
    const expectRight = async () => {
      await expectPorts(hostOf(), guest, {});
      await expectAnswers(hostOf(), guest);
    };
    const expectStopped = async () => {
      await eventually(
        () => run('status'),
        (said) => expect(said).toContain('stopped'),
        30_000,
      );
      // A container counts as stopped before its post-stop hook has run; a start in between finds its unit still active.
      await hostOf().sh(
        `timeout 30 sh -c 'while systemctl --quiet is-active pve-container@${vmid}; do sleep 0.05; done'`,
      );
      await expectGone(hostOf(), guest);
    };
    const restart = async () => {
      await run('start');
      await expectRight();
    };

    beforeAll(() => hostOf().sh(create(guest)));
    afterEach(() => expectLedgerWhole(hostOf()));

    it('has its port when it starts, and leaves nothing when it is stopped', async () => {
      await restart();
      await run('stop');
      await expectStopped();
    });

    it('has it again at the next start, and leaves nothing when it is shut down', async () => {
      await restart();
      await run('shutdown');
      await expectStopped();
    });

    it('has it after a reboot that Proxmox does', async () => {
      await restart();
      await run('reboot');
      await expectRight();
    });

    it('has it after a reboot from inside', async () => {
      const before = await hostOf().sh(`echo ${pidOf(guest)}`);
      // A container's runs no hook at all; a VM's does not even make a new tap.
      await hostOf().exec(
        isVm ? ['qm', 'reset', String(vmid)] : ['pct', 'exec', String(vmid), '--', 'reboot'],
      );
      if (!isVm) {
        await eventually(
          () => hostOf().exec(['lxc-info', '-n', String(vmid), '-p', '-H']),
          ({ stdout }) => expect(stdout !== '' && stdout !== before).toBe(true),
          30_000,
        );
      }
      await expectRight();
    });

    it('leaves nothing when it powers itself off', async () => {
      await hostOf().exec(['bash', '-c', isVm ? powerdown(vmid) : `pct exec ${vmid} -- poweroff`]);
      await expectStopped();
    });

    it('leaves nothing when its process is killed', async () => {
      await restart();
      await hostOf().sh(`kill -9 ${pidOf(guest)}`);
      await expectStopped();
      await restart();
      await run('stop');
      await expectStopped();
    });
  });
}

/** Changes of a running guest's card; no hook runs for any of them. */
export function describeChanges(hostOf: HostOf): void {
  const guests = [labGuest('VM', 111, true), labGuest('container', 211, false)];

  describe.each(guests.map((guest) => [guest.kind, guest] as const))(
    'the card of a running %s',
    (_, guest) => {
      const { vmid, tool } = guest;
      const isVm = guest.kind === 'VM';
      // A container's change that came in between is repeated, as the administrator would.
      const set = async (settings: string) => {
        const command = change(guest, settings);
        const first = await hostOf().exec(command);
        if (first.exitCode === 0) return;
        await expectAnswersSomewhere();
        expect(await hostOf().exec(command)).toMatchObject({ exitCode: 0 });
      };
      const expectAnswersSomewhere = () =>
        hostOf().sh(
          `timeout 60 sh -c 'until for link in vmbr0 vmbr1 lbr0 vlan5; do ping -c1 -W1 -I $link ${guest.address} && exit; done; do :; done'`,
        );

      beforeAll(async () => {
        await hostOf().sh(`${create(guest)}; ${tool} start ${vmid}`);
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });
      afterEach(() => expectLedgerWhole(hostOf()));

      it('changes its VLAN and comes back', async () => {
        await set('bridge=vmbr0,tag=5');
        await expectPorts(hostOf(), guest, { tag: 5 });
        await expectAnswers(hostOf(), guest, 'vlan5');
        await set('bridge=vmbr0');
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });

      it('gets trunks, with and without a tag', async () => {
        await set('bridge=vmbr0,tag=5,trunks=6;7');
        await expectPorts(hostOf(), guest, { tag: 5, trunks: [6, 7] });
        await expectAnswers(hostOf(), guest, 'vlan5');
        await set('bridge=vmbr0');
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });

      it('moves to another OVS bridge and back', async () => {
        await set('bridge=vmbr1');
        await expectPorts(hostOf(), guest, { bridge: 'vmbr1' });
        await expectAnswers(hostOf(), guest, 'vmbr1');
        await set('bridge=vmbr0');
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });

      it('moves to a bridge of the kernel, where it has no port, and back', async () => {
        await set('bridge=lbr0');
        await expectPorts(hostOf(), guest);
        await expectAnswers(hostOf(), guest, 'lbr0');
        await set('bridge=vmbr0');
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });

      it('has its cable pulled and put back', async () => {
        await set('bridge=vmbr0,link_down=1');
        // QEMU holds a VM's link down, its tap stays plugged; a container's veth is taken off the bridge.
        await expectPorts(hostOf(), guest, ...(isVm ? [{}] : []));
        await expect(expectAnswersOnce()).rejects.toThrow();
        await set('bridge=vmbr0');
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });
      const expectAnswersOnce = () => hostOf().sh(`ping -c1 -W1 ${guest.address}`);

      it('is put behind the firewall and taken out again', async () => {
        const since = await heightOf(hostOf());
        // Proxmox takes the row out before ovs-vswitchd has seen that the card was given back in it.
        await hostOf().sh(`kill -STOP $(pidof ovs-vswitchd)
          ${quoted(change(guest, 'bridge=vmbr0,firewall=1'))} & change=$!
          timeout 20 sh -c 'while ovs-vsctl --bare --columns=name find Interface name=${guest.device} | grep -q .; do sleep 0.05; done' || true
          kill -CONT $(pidof ovs-vswitchd); wait $change`);
        await expectPorts(hostOf(), guest, { row: `fwln${vmid}o0` });
        await expectAnswers(hostOf(), guest);
        // Nothing has gone wrong by that, and nobody waits for that row.
        await expectLedgerWhole(hostOf());
        expect(await actionsOf(hostOf(), guest, since)).not.toContain('port_hand_back_failed');
        expect(await hostOf().cli('explain', String(vmid))).toMatchObject({ exitCode: 0 });
        await set('bridge=vmbr0');
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });

      it('keeps the name that Proxmox gave its port while it has a rate limit', async () => {
        await set('bridge=vmbr0,rate=10');
        await expectPorts(hostOf(), guest, { row: guest.device });
        await expectAnswers(hostOf(), guest);
        await set('bridge=vmbr0');
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });

      it('gets a second card and loses it', async () => {
        const second = `${guest.card.replace('BC:24:11:00:00', 'BC:24:11:00:01').replace('eth0', 'eth1')},bridge=vmbr1`;
        await hostOf().sh(`${tool} set ${vmid} --net1 '${second.replace(/,ip=[^,]*/, '')}'`);
        await expectPorts(hostOf(), guest, {}, { nic: 1, bridge: 'vmbr1' });
        await expectAnswers(hostOf(), guest);
        await hostOf().sh(`${tool} set ${vmid} --delete net1`);
        await expectPorts(hostOf(), guest, {});
        await expectAnswers(hostOf(), guest);
      });

      it('leaves nothing when the guest stops after all that', async () => {
        await hostOf().sh(`${tool} stop ${vmid}`);
        await expectGone(hostOf(), guest);
      });
    },
  );
}

/**
 * Copies /etc/pve into a file system of its own, which is then mounted there whole, as pmxcfs comes: never half filled.
 * Below lies an empty one, as below pmxcfs.
 */
const STAGE = 'mkdir /run/pve && mount -t tmpfs -o mode=755 stage /run/pve && cp -a /etc/pve/. /run/pve';
const UNSTAGE = 'mount --bind /run/pve /etc/pve && umount /run/pve && rmdir /run/pve';
const MOUNT_BELOW = `${STAGE} && mount -t tmpfs -o mode=755 empty /etc/pve && ${UNSTAGE}`;
/** Shows the first tree again, with the configurations as they are now. */
const UNMOUNT_ALL = `${STAGE} && umount -l /etc/pve && umount -l /etc/pve && cp -a /run/pve/. /etc/pve &&
  umount /run/pve && rmdir /run/pve`;

/** Backups, snapshots, clones, migrations, and the cluster file system itself. */
export function describeNode(hostOf: HostOf): void {
  const guests = [labGuest('VM', 121, true), labGuest('container', 221, true)];
  const [vm, container] = guests as [LabGuest, LabGuest];

  beforeAll(() => hostOf().sh(guests.map(create).join('; ')));
  afterEach(() => expectLedgerWhole(hostOf()));

  it('changes a running card also after the cluster file system was restarted', async () => {
    await hostOf().sh('qm start 121');
    await expectPorts(hostOf(), vm, {});
    await hostOf().sh(`${MOUNT_BELOW}; systemctl restart ovs-port-agent`);
    await expectPorts(hostOf(), vm, {});
    const since = await heightOf(hostOf());
    // As an upgrade of pve-cluster does: gone for a moment, in which nothing may be concluded about any guest.
    await hostOf().sh(`${STAGE}; umount -l /etc/pve; sleep 1; ${UNSTAGE}`);
    await eventually(
      () => hostOf().exec(change(vm, 'bridge=vmbr0,tag=5')),
      ({ exitCode }) => expect(exitCode).toBe(0),
    );
    await expectPorts(hostOf(), vm, { tag: 5 });
    // Each of these comes by the watch alone: without it all three fail. One may come late on a busy machine, and is repeated.
    const late: string[] = [];
    for (const tag of [6, 7, 8]) {
      const command = change(vm, `bridge=vmbr0,tag=${tag}`);
      const first = await hostOf().exec(command);
      if (first.exitCode !== 0) {
        late.push(first.stderr);
        expect(await hostOf().exec(command)).toMatchObject({ exitCode: 0 });
      }
      await expectPorts(hostOf(), vm, { tag });
    }
    expect(late.slice(1)).toEqual([]);
    for (const why of late) expect(why).toContain('already exists');
    expect(await actionsOf(hostOf(), vm, since)).not.toContain('guest_post_stop');
    await hostOf().exec(change(vm, 'bridge=vmbr0'));
    await hostOf().sh(`qm stop 121; ${UNMOUNT_ALL}; systemctl restart ovs-port-agent`);
    await expectGone(hostOf(), vm);
  });

  it('calls a backup of a stopped VM a backup, not a start', async () => {
    const since = await heightOf(hostOf());
    await hostOf().sh('vzdump 121');
    await expectGone(hostOf(), vm);
    const actions = await actionsOf(hostOf(), vm, since);
    expect(actions.filter((action) => /^(?:backup|guest)_p/.test(action))).toEqual([
      'backup_pre_start',
      'backup_post_start',
      'backup_pre_stop',
      'backup_post_stop',
    ]);
  });

  it('leaves a running guest in peace while it is backed up', async ({ annotate }) => {
    await hostOf().sh('qm start 121; pct start 221');
    for (const guest of guests) await expectPorts(hostOf(), guest, {});
    const portsBefore = (await hostOf().traces()).ports;
    const since = await heightOf(hostOf());
    // A backup writes the container's configuration, and so opens its lock: for a moment its card has Proxmox's name.
    const lost = await lostDuring(hostOf(), container.address, () => hostOf().sh('vzdump 121 221; sleep 4'));
    await annotate(`${hostOf().mode}: ${lost} pings of the container lost, one sent each 10 ms`);
    expect(lost).toBeLessThanOrEqual(5);
    await eventually(
      () => hostOf().traces(),
      ({ ports }) => expect(ports).toEqual(portsBefore),
    );
    for (const guest of guests) {
      const actions = await actionsOf(hostOf(), guest, since);
      const steppedAside = guest.kind === 'VM' ? [] : STEPS_ASIDE;
      expect(actions.filter((action) => !steppedAside.includes(action))).toEqual([]);
      await expectAnswers(hostOf(), guest);
    }
  });

  it.each(guests)('stops, backs up and starts a running $kind in stop mode', async (guest) => {
    await hostOf().sh(`vzdump ${guest.vmid} --mode stop`);
    await expectPorts(hostOf(), guest, {});
    await expectAnswers(hostOf(), guest);
  });

  it.each(guests)('gives a $kind the port of its snapshot after a rollback', async (guest) => {
    const { tool, vmid } = guest;
    await hostOf().sh(`${tool} snapshot ${vmid} before`);
    const changed = change(guest, 'bridge=vmbr0,tag=5');
    if ((await hostOf().exec(changed)).exitCode !== 0) await hostOf().exec(changed);
    await expectPorts(hostOf(), guest, { tag: 5 });
    await hostOf().sh(`${tool} set ${vmid} --delete hookscript`);
    await hostOf().sh(`${tool} rollback ${vmid} before`);
    // Rolled back without its RAM, as here, the guest stays off; its post-stop ran with the hookscript it had then: none.
    await expectGone(hostOf(), guest);
    await hostOf().sh(`${tool} start ${vmid}`);
    await expectPorts(hostOf(), guest, {});
    await expectAnswers(hostOf(), guest);
    expect(await hostOf().sh(`${tool} config ${vmid}`)).toContain(
      'hookscript: local:snippets/ovs-port-agent',
    );
  });

  it.each(guests)('gives a $kind and its clone a port each, both running', async (guest) => {
    const { tool, vmid, kind } = guest;
    const clone = labGuest(kind, vmid + 1, true);
    const name = kind === 'VM' ? '--name' : '--hostname';
    await hostOf().sh(
      `${tool} clone ${vmid} ${clone.vmid} ${name} g${clone.vmid}; ${tool} start ${clone.vmid}`,
    );
    await expectPorts(hostOf(), clone, {});
    await expectPorts(hostOf(), guest, {});
    await hostOf().sh(`${tool} stop ${clone.vmid}; ${tool} destroy ${clone.vmid}`);
    await expectGone(hostOf(), clone);
    await expectAnswers(hostOf(), guest);
  });

  it('leaves nothing of a VM that migrates away running, for which no hook runs', async () => {
    await hostOf().sh('qm migrate-out 121 --to pve2');
    await expectGone(hostOf(), vm);
  });

  it('gives a VM that migrates in its port before its configuration is here, and keeps it after', async () => {
    // Its tap is seen, and its hooks run, while the file is in the directory of the node that it comes from.
    await hostOf().sh('qm migrate-in 121 --from pve2');
    await expectPorts(hostOf(), vm, {});
    await expectAnswers(hostOf(), vm);
  });

  it('takes a VM in that has no hookscript', async () => {
    await hostOf().sh('qm migrate-out 121 --to pve2');
    await expectGone(hostOf(), vm);
    await hostOf().sh(
      `sed -i /^hookscript/d /etc/pve/nodes/pve2/qemu-server/121.conf; qm migrate-in 121 --from pve2`,
    );
    await expectPorts(hostOf(), vm, {});
    await expectAnswers(hostOf(), vm);
  });

  it('follows a container that migrates by a stop and a start', async () => {
    await hostOf().sh('pct migrate 221 pve2 --restart');
    await expectGone(hostOf(), container);
    await hostOf().sh('pct migrate-in 221 --from pve2');
    await expectPorts(hostOf(), container, {});
    await expectAnswers(hostOf(), container);
  });

  it('leaves nothing of them in the end', async () => {
    await hostOf().sh('qm stop 121; pct stop 221');
    for (const guest of guests) await expectGone(hostOf(), guest);
  });
}
