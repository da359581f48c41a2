// A host whose NetworkManager is stopped, purged, hangs or comes back: guests start and stop as on one that has none.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AgentHost, NO_TRACES, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable } from './pings.ts';
import { expectWholeStories } from './stories.ts';
import { withUdev } from './udev.ts';

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('without-networkmanager', '', 'trixie', undefined, { with: ['network-manager'] });
  await withUdev(host);
  await host.sh(`
    ovs-bridge vmbr0 10.0.1.1/24
    qm create 101 --hookscript ${SNIPPET} --net0 virtio,bridge=vmbr0
    pct create 200 --hookscript ${SNIPPET} --net0 name=eth0,bridge=vmbr0,ip=10.0.1.200/24
    lxc-guest create web --link ovsbr0 --ip 10.0.0.50/24
    docker create --name netmaker-server --network none --label dev.ovs.portagent.address=203.0.113.10/24 opa-test`);
});

afterAll(() => host?.down());

/** Each of the four kinds starts, has its port, and leaves nothing behind. */
async function startAndStop(): Promise<void> {
  await host.sh('qm start 101; pct start 200; lxc-guest start web; docker start netmaker-server');
  await eventually(host.traces, ({ ports }) =>
    expect(ports.map(({ port, bridge, usable }) => [port.slice(0, 6), bridge, usable])).toEqual([
      ['vi1000', 'ovsbr0', true],
      ['vi1000', 'ovsbr1', true],
      ['vi101', 'vmbr0', true],
      ['vi200', 'vmbr0', true],
    ]),
  );
  await expectReachable(host, '10.0.1.200');
  await host.sh('qm stop 101; pct stop 200; lxc-guest stop web; docker stop -t 0 netmaker-server');
  await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
}

async function expectNothingWrong(): Promise<void> {
  expect(await host.cli('reconcile')).toMatchObject({ exitCode: 0 });
  const status = await host.cli('status');
  expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Nothing waits.') });
  const blocks = await eventually(host.ledger, expectWholeStories);
  // A container that ends while it is attached has an attempt that failed, and nothing is wrong with that.
  expect(blocks.filter(({ action }) => action === 'event_failed' || action === 'port_detach_failed')).toEqual(
    [],
  );
}

it('guests start and stop while NetworkManager hangs, which is said, and no longer when it works again', async () => {
  await host.sh('kill -STOP $(pidof NetworkManager)');
  await startAndStop();
  await startAndStop();
  expect(await host.cli('status')).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/NetworkManager +does NOT answer[\s\S]*NetworkManager does not answer/),
  });
  await host.sh('kill -CONT $(pidof NetworkManager)');
  await eventually(
    () => host.cli('status'),
    (status) =>
      expect(status).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/NetworkManager +running[\s\S]*Nothing waits/),
      }),
  );
  await expectNothingWrong();
});

it.each([
  ['is stopped', 'systemctl stop NetworkManager'],
  ['has come back', 'systemctl start NetworkManager'],
  [
    'is purged',
    'DEBIAN_FRONTEND=noninteractive dpkg --purge network-manager; systemctl restart ovs-port-agent',
  ],
])('guests start and stop again when NetworkManager %s', async (_, change) => {
  await host.sh(change);
  await startAndStop();
  await startAndStop();
  await expectNothingWrong();
});
