// A test host that reboots: what stays, what is gone, and that it looks like a reboot from inside.
import { describe, expect, it } from 'vitest';
import { type Suite, upHost } from './host.ts';

const suites: Suite[] = ['forky', 'trixie', 'bookworm'];
/** ms; the default of one second is short for a busy machine. */
const SOON = { timeout: 30_000 };
const IDENTITY = 'cat /proc/sys/kernel/random/boot_id /etc/machine-id';

describe.each(suites)('%s', (suite) => {
  it('keeps its disk over a reboot and a power cut, and nothing else', async () => {
    await using host = await upHost(suite, `reboot-${suite}`);
    const [firstBoot, machine] = (await host.sh(IDENTITY)).split('\n');
    await host.sh(`touch /etc/kept /var/lib/kept /run/gone; docker-image; ip link add gone type veth
      docker run -d --restart always --name web opa-test
      printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\nExecStop=touch /etc/stopped\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/told.service
      systemctl enable --now told`);
    await host.reboot();
    const [secondBoot, sameMachine] = (await host.sh(IDENTITY)).split('\n');
    expect([secondBoot === firstBoot, sameMachine]).toEqual([false, machine]);
    await host.sh('rm /etc/stopped; test -e /etc/kept -a -e /var/lib/kept -a ! -e /run/gone');
    await expect(host.sh('ip link show gone')).rejects.toThrow('does not exist');
    await host.sh(`systemctl is-active ovs-vswitchd told ${suite === 'forky' ? 'NetworkManager' : ''}`);
    await expect.poll(() => host.sh('docker ps --format {{.Names}}'), SOON).toBe('web');

    await host.reboot({ powerCut: true });
    expect((await host.sh(IDENTITY)).split('\n')[0]).not.toBe(secondBoot);
    await host.sh('test -e /etc/kept -a ! -e /etc/stopped');
  });
});

it('reboots from inside', async () => {
  await using host = await upHost('forky', 'reboot-inside');
  const before = await host.sh(IDENTITY);
  // The reboot may end the command that asked for it, or leave it waiting for a systemd that is gone.
  await host.exec(['systemctl', 'reboot'], { timeout: 10_000 }).catch(() => undefined);
  const look = () =>
    host.sh(`${IDENTITY} && systemctl is-system-running`, { timeout: 10_000 }).catch(() => 'no answer');
  await expect.poll(look, { timeout: 120_000 }).toMatch(/\nrunning$/);
  expect(await look()).not.toContain(before);
});
