// What Proxmox does to guests while the agent is stopped, hangs or was started anew: the same promises for both modes.
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import {
  change,
  create,
  expectAnswers,
  expectGone,
  expectLedgerWhole,
  expectPorts,
  labGuest,
  type ProxmoxHost,
} from './proxmox-host.ts';

const PID = '$(systemctl show -p MainPID --value ovs-port-agent)';

export function describeAgentDown(hostOf: () => ProxmoxHost): void {
  const guests = [labGuest('VM', 131, true), labGuest('container', 231, true)];
  /** The agent hangs while `work` runs, and goes on then. */
  const frozen = async <T>(work: () => Promise<T>): Promise<T> => {
    await hostOf().sh(`kill -STOP ${PID}`);
    try {
      return await work();
    } finally {
      await hostOf().sh(`kill -CONT ${PID}`);
    }
  };
  const stopped = async <T>(work: () => Promise<T>): Promise<T> => {
    await hostOf().stopAgent();
    try {
      return await work();
    } finally {
      await hostOf().startAgent();
    }
  };

  describe.each(guests.map((guest) => [guest.kind, guest] as const))('a %s', (_, guest) => {
    const { vmid, tool, device } = guest;
    const run = (verb: string) => hostOf().sh(`${tool} ${verb} ${vmid}`);
    /** What a crash can leave: a row that would make Proxmox's own add-port fail. Without the device ovs-vsctl complains. */
    const staleRow = (row: string, alias = '') => `
      set -- external_ids:ovs-port-agent.vmid='"${vmid}"' external_ids:ovs-port-agent.nic='"0"' \
        external_ids:ovs-port-agent.runtime=${guest.kind === 'VM' ? 'proxmox-qemu' : 'proxmox-lxc'}
      ovs-vsctl -- --id=@i create Interface name=${device} "$@" \
        -- --id=@p create Port name=${row} interfaces=@i "$@" ${alias} -- add Bridge vmbr0 ports @p 2>/dev/null || true
      ovs-vsctl list-ports vmbr0 | grep -qx ${row}`;
    const expectRight = async () => {
      await expectPorts(hostOf(), guest, {});
      await expectAnswers(hostOf(), guest);
    };

    beforeAll(async () => {
      await hostOf().sh(`${create(guest)}; ${tool} start ${vmid}`);
      await expectRight();
    });
    afterEach(() => expectLedgerWhole(hostOf()));

    it('changes its card while the agent is stopped, as if it was not installed', async () => {
      await stopped(async () => {
        expect((await hostOf().traces()).ports).toContainEqual(expect.objectContaining({ port: device }));
        await hostOf()
          .exec(change(guest, 'bridge=vmbr0,tag=5'))
          .then(({ exitCode }) => expect(exitCode).toBe(0));
        await expectAnswers(hostOf(), guest, 'vlan5');
      });
      await expectPorts(hostOf(), guest, { tag: 5 });
      await expectAnswers(hostOf(), guest, 'vlan5');
      await hostOf().exec(change(guest, 'bridge=vmbr0'));
      await expectRight();
    });

    it('starts while the agent is stopped although an earlier run left its row, and is taken over later', async () => {
      await stopped(async () => {
        await run('stop');
        // What a crash in the old life can have left: rows that would make Proxmox's own add-port fail.
        await hostOf().sh(staleRow(`vi${vmid}`));
        await run('start');
        await expectAnswers(hostOf(), guest);
      });
      await expectRight();
    });

    it('leaves nothing when it stops while the agent is stopped', async () => {
      await stopped(() => run('stop'));
      await expectGone(hostOf(), guest);
      await run('start');
      await expectRight();
    });

    if (guest.kind === 'container') {
      it('is taken off the switch when its cable was pulled while the agent hung', async () => {
        // Proxmox removes the port by its own name, finds none, and goes on; nothing plugs it afterwards.
        const pulled = await frozen(() => hostOf().exec(change(guest, 'bridge=vmbr0,link_down=1')));
        expect(pulled.exitCode).toBe(0);
        await expectPorts(hostOf(), guest);
        await hostOf().exec(change(guest, 'bridge=vmbr0'));
        await expectRight();
      });

      it('is taken off the switch when it was moved to a bridge of the kernel while the agent hung', async () => {
        const moved = await frozen(() => hostOf().exec(change(guest, 'bridge=lbr0')));
        expect(moved.exitCode).toBe(0);
        await expectPorts(hostOf(), guest);
        await expectAnswers(hostOf(), guest, 'lbr0');
        await hostOf().exec(change(guest, 'bridge=vmbr0'));
        await expectRight();
      });

      it('reboots from inside while the agent is stopped', async () => {
        const pid = () => hostOf().exec(['lxc-info', '-n', String(vmid), '-p', '-H']);
        await stopped(async () => {
          const { stdout: before } = await pid();
          await hostOf().exec(['pct', 'exec', String(vmid), '--', 'reboot']);
          await eventually(
            pid,
            ({ stdout }) => expect(stdout !== '' && stdout !== before).toBe(true),
            30_000,
          );
          await expectAnswers(hostOf(), guest);
        });
        await expectRight();
      });
    }

    it('stays on the switch when the agent hangs during a change, and the change succeeds at the next attempt', async () => {
      const command = change(guest, 'bridge=vmbr0,tag=5');
      const first = await frozen(() => hostOf().exec(command));
      if (hostOf().mode === 'vi') {
        expect(first.exitCode).toBe(255);
        // Of a container's change Proxmox writes nothing when it fails.
        const written = await hostOf().sh(`cat /etc/pve/*/${vmid}.conf`);
        if (guest.kind === 'VM') expect(written).toMatch(/\[PENDING\]\nnet0: .*tag=5/);
        else expect(written).not.toContain('tag=5');
        await expectPorts(hostOf(), guest, { row: device });
        // A VM's own link Proxmox has set down before it failed, and sets up when it succeeds.
        if (guest.kind === 'container') await expectAnswers(hostOf(), guest);
        expect(await hostOf().exec(command)).toMatchObject({ exitCode: 0 });
      } else expect(first.exitCode).toBe(0);
      await expectPorts(hostOf(), guest, { tag: 5 });
      await expectAnswers(hostOf(), guest, 'vlan5');
      await hostOf().exec(change(guest, 'bridge=vmbr0'));
      await expectRight();
    });

    it.each([
      ['under our name', `vi${vmid}`, ''],
      ['under its own name, with ours as alias', device, `external_ids:ovs-port-agent.port=vi${vmid}`],
    ])('starts over a stale row %s, also with an agent started anew', async (_name, row, alias) => {
      // A row of the other mode is left by a crash before the setting was changed, and once is enough for it.
      const isOfMode = (row === device) === (hostOf().mode === 'keep');
      for (const between of isOfMode ? ['true', 'systemctl restart ovs-port-agent'] : ['true']) {
        await run('stop');
        await expectGone(hostOf(), guest);
        await hostOf().stopAgent();
        await hostOf().sh(staleRow(row, alias));
        await hostOf().startAgent();
        await hostOf().sh(between);
        await run('start');
        await expectRight();
      }
    });

    it('leaves nothing in the end', async () => {
      await run('stop');
      await expectGone(hostOf(), guest);
    });
  });
}
