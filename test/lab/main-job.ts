// The one thing this is for, as promises that every host keeps: a guest of any kind starts and has its port.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriverName } from '../../src/core/plan/observed.ts';
import { type AgentHost, LXC_HOOK, NO_TRACES, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import type { Suite } from './host.ts';
import { expectReachable, lostDuring } from './pings.ts';
import { expectWholeStories, storyOf } from './stories.ts';

/** Of 100 pings a second. */
const TENTH = 10;
const PORTS = ['vi101', 'vi101i1', 'vi200', 'vi201', 'vi1000000', 'vi1000001'].sort();
const ADDRESSES = {
  'a VM': '10.0.0.101',
  'an LXC container with a network hook': '10.0.0.200',
  'a Proxmox container': '10.0.0.201',
  'an LXC container that knows nothing of us': '10.0.0.50',
  'a Docker container with an address label': '203.0.113.10',
};
const kinds = Object.entries(ADDRESSES);

/** Where the job is to be done. */
export interface Place {
  suite: Suite;
  /** Top-level lines for the configuration file. */
  keys?: string;
  /** Who drives the bridges there, found out by the agent itself. */
  driver: DriverName;
}

/** Promises about guests on one host of that kind; `name` tells the host from those of other tests. */
export function mainJob(name: string, { suite, keys, driver }: Place): void {
  let host: AgentHost;

  beforeAll(async () => {
    host = await upAgentHost(name, keys, suite);
  });

  afterAll(() => host?.down());

  describe('guests of every kind that start', () => {
    beforeAll(async () => {
      await host.sh(`
      qm create 101 --name shop --hookscript ${SNIPPET} --ipconfig0 ip=10.0.0.101/24 \
        --net0 virtio,bridge=ovsbr0 --net1 'virtio,bridge=ovsbr0,tag=20,trunks=30;40'
      qm start 101
      lxc-guest create 200 --ip 10.0.0.200/24 --script-up ${LXC_HOOK} --script-down ${LXC_HOOK}
      lxc-guest start 200
      pct create 201 --hostname mail --hookscript ${SNIPPET} --net0 name=eth0,bridge=ovsbr0,ip=10.0.0.201/24
      pct start 201
      lxc-guest create web --link ovsbr0 --ip 10.0.0.50/24
      lxc-guest start web
      docker run -d --name netmaker-server --label dev.ovs.portagent.address=203.0.113.10/24 opa-test`);
    });

    it('each have their port vi<VMID> on their bridge, and the port says whose it is', async () => {
      const { ports } = await eventually(host.traces, (seen) => {
        expect(seen.ports.map(({ port }) => port)).toEqual(PORTS);
        expect(seen.ports.filter(({ usable }) => !usable)).toEqual([]);
        // Bridges are listed before ports: of one that came in between the look does not know where it is.
        expect(seen.ports.map(({ bridge }) => bridge)).not.toContain('undefined');
      });
      const owners = ports.map(({ port, bridge, owner: { vmid, runtime, guest, nic } }) =>
        [port, bridge, vmid, runtime, guest, nic].join(' '),
      );
      expect(owners).toEqual([
        'vi1000000 ovsbr0 1000000 lxc web 0',
        'vi1000001 ovsbr1 1000001 docker netmaker-server 0',
        'vi101 ovsbr0 101 proxmox-qemu shop 0',
        'vi101i1 ovsbr0 101 proxmox-qemu shop 1',
        'vi200 ovsbr0 200 lxc 200 0',
        'vi201 ovsbr0 201 proxmox-lxc mail 0',
      ]);
    });

    it('keep the VLANs of their Proxmox configuration on the port', async () => {
      const { ports } = await host.traces();
      const [plain, tagged] = ports.filter(({ port }) => port.startsWith('vi101'));
      expect(plain).toMatchObject({ tag: null, trunks: [], interface: 'tap101i0' });
      expect(tagged).toMatchObject({ tag: 20, trunks: [30, 40], interface: 'tap101i1' });
    });

    it.each(kinds)('%s answers through its bridge', async (_, address) => {
      await expectReachable(host, address);
    });

    it.each([
      ['an LXC container with a network hook', 'lxc-attach -n 200 --', '10.0.0.1'],
      ['a Proxmox container', 'lxc-attach -n 201 --', '10.0.0.1'],
      ['an LXC container that knows nothing of us', 'lxc-attach -n web --', '10.0.0.1'],
      ['a Docker container', 'docker exec netmaker-server', '203.0.113.1'],
    ])('%s moves megabytes over TCP, both ways', async (_, enter, gateway) => {
      // On the netdev datapath this stalls as long as the guest leaves checksums to its card.
      const size = 4_000_000;
      const there = await host.sh(`
      timeout 20 socat -u TCP-LISTEN:7000,bind=${gateway} STDOUT | wc -c & sleep 0.2
      ${enter} sh -c 'head -c ${size} /dev/zero | nc ${gateway} 7000'
      wait`);
      const back = await host.sh(`
      head -c ${size} /dev/zero | timeout 20 socat -u STDIN TCP-LISTEN:7001,bind=${gateway} & sleep 0.2
      ${enter} sh -c 'nc ${gateway} 7001 </dev/null | wc -c'`);
      expect([there, back].map(Number)).toEqual([size, size]);
    });

    it('have a story each in the ledger: event, intent, outcome', async () => {
      const blocks = await host.ledger();
      const stories = PORTS.map((port) => storyOf(blocks, port, 'port_attached', 'port_adopted'));
      expect(Object.fromEntries(PORTS.map((port, at) => [port, stories[at]]))).toEqual({
        // Taken over as soon as Proxmox has plugged them, before any later hook.
        vi101: ['guest_pre_start', 'port_adopt', 'port_adopted'],
        vi101i1: ['guest_pre_start', 'port_adopt', 'port_adopted'],
        vi200: ['guest_net_up', 'port_attach', 'port_attached'],
        vi201: ['guest_pre_start', 'port_adopt', 'port_adopted'],
        vi1000000: ['guest_start_host', 'port_adopt', 'port_adopted'],
        vi1000001: ['guest_start', 'port_attach', 'port_attached'],
      });
      await eventually(host.ledger, expectWholeStories);
    });

    it('are all driven by whom this host leads to: in the list, the status and the ledger', async () => {
      const list = JSON.parse((await host.cli('list', '--json')).stdout) as { driver: string }[];
      const status = JSON.parse((await host.cli('status', '--json')).stdout);
      const made = (await host.ledger()).filter(({ action }) =>
        /^(?:bridge_created|port_attached|port_adopted)$/.test(action),
      );
      expect(list.map((port) => port.driver)).toEqual(PORTS.map(() => driver));
      const owner = driver === 'ovsdb' ? 'ovs-port-agent' : 'networkmanager';
      expect(status.bridges).toMatchObject([
        { name: 'ovsbr0', driver, owner, present: true, obstacle: null },
        { name: 'ovsbr1', driver, owner, present: true, obstacle: null },
      ]);
      expect(new Set(made.map(({ data }) => data.bridge))).toEqual(new Set(['ovsbr0', 'ovsbr1']));
      expect(made.filter(({ data }) => data.driver !== driver)).toEqual([]);
    });

    it('are the same in list, status, D-Bus and ledger verify', async () => {
      const list = JSON.parse((await host.cli('list', '--json')).stdout) as {
        port: string;
        runtime: string;
      }[];
      const status = JSON.parse((await host.cli('status', '--json')).stdout);
      const verified = JSON.parse((await host.cli('ledger', 'verify', '--json')).stdout);
      expect(list.map(({ port }) => port).sort()).toEqual(PORTS);
      expect(list.find(({ port }) => port === 'vi201')).toMatchObject({
        runtime: 'proxmox-lxc',
        guest: 'mail',
      });
      expect(await host.call('list_ports')).toEqual(PORTS);
      expect(status).toMatchObject({ ready: true, ports: PORTS.length, waiting: [], spooled: 0 });
      expect(status.bridges.map(({ name, ports }: { name: string; ports: number }) => [name, ports])).toEqual(
        [
          ['ovsbr0', 5],
          ['ovsbr1', 1],
        ],
      );
      expect(verified).toMatchObject({ verdict: 'ok', head: { height: status.ledger.height } });
    });

    it('keep their port when the container reboots from inside, which runs no hookscript', async () => {
      const before = await host.sh('lxc-info -n 201 -p -H');
      await host.exec(['pct', 'exec', '201', '--', 'reboot']); // ends with the container
      await eventually(
        () => host.exec(['lxc-info', '-n', '201', '-p', '-H']),
        ({ exitCode, stdout }) => expect(exitCode === 0 && stdout !== before).toBe(true),
      );
      await eventually(host.traces, ({ ports }) =>
        expect(ports.find(({ port }) => port === 'vi201')).toMatchObject({ usable: true, bridge: 'ovsbr0' }),
      );
      await expectReachable(host, '10.0.0.201');
    });
  });

  describe('a Proxmox container whose card is not in a port of its own', () => {
    it('stays in the Linux bridge that its configuration names', async () => {
      await host.sh(`
        ip link add vmbr9 type bridge && ip link set vmbr9 up
        pct create 202 --net0 name=eth0,bridge=vmbr9 --hookscript ${SNIPPET}
        pct start 202`);
      expect(await host.sh('cat /sys/class/net/veth202i0/master/uevent')).toContain('INTERFACE=vmbr9');
      expect((await host.traces()).ports.filter(({ port }) => port.includes('202'))).toEqual([]);
      await host.sh('pct stop 202');
    });

    it('stays behind its firewall bridge, and goes by the name vi<VMID> all the same', async () => {
      await host.sh(`
        pct create 203 --net0 name=eth0,bridge=ovsbr0,firewall=1,ip=10.0.0.203/24 --hookscript ${SNIPPET}
        pct start 203`);
      expect(await host.sh('cat /sys/class/net/veth203i0/master/uevent')).toContain('INTERFACE=fwbr203i0');
      await eventually(host.traces, ({ ports }) =>
        expect(ports.filter(({ port }) => port.includes('203'))).toMatchObject([
          { port: 'fwln203o0', usable: true, owner: { vmid: '203', port: 'vi203', runtime: 'proxmox-lxc' } },
        ]),
      );
      await expectReachable(host, '10.0.0.203');
      const shown = JSON.parse((await host.cli('list', '--json')).stdout) as { port: string }[];
      expect(shown.find(({ port }) => port === 'vi203')).toMatchObject({ interface: 'fwln203o0', vmid: 203 });
      await host.sh('pct stop 203');
      await eventually(host.traces, ({ ports }) =>
        expect(ports.filter(({ port }) => port.includes('203'))).toEqual([]),
      );
    });
  });

  describe('guests that stop', () => {
    it('leave nothing behind: no row, no profile, no device, no file', async () => {
      await host.sh(`
      qm stop 101 & pct stop 201 & lxc-guest stop 200 & lxc-guest stop web & docker rm -f netmaker-server
      wait`);
      await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
      expect((await host.cli('list')).stdout).toContain('No ports');
    });

    it('have an end in the ledger, which still verifies', async () => {
      const blocks = await host.ledger();
      const removed = blocks.filter(({ action }) =>
        ['port_detached', 'port_released', 'port_gone'].includes(action),
      );
      expect([...new Set(removed.map(({ data }) => data.port))].sort()).toEqual([...PORTS, 'vi203'].sort());
      await eventually(host.ledger, expectWholeStories);
      expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
    });
  });

  describe('a running VM that started without the agent', () => {
    beforeAll(() =>
      host.sh(
        `qm create 102 --hookscript ${SNIPPET} --ipconfig0 ip=10.0.0.102/24 --net0 virtio,bridge=ovsbr0`,
      ),
    );

    it('keeps answering while its NIC, plugged by Proxmox, becomes our port', async () => {
      await host.sh('! qm status 102 | grep -q running || qm stop 102');
      await host.stopAgent();
      await host.sh('qm start 102');
      await expectReachable(host, '10.0.0.102');
      expect((await host.traces()).ports).toMatchObject([{ port: 'tap102i0', owner: {} }]);
      const since = (await host.sh('date +%s')).trim();
      const lost = await lostDuring(host, '10.0.0.102', async () => {
        await host.startAgent();
        await eventually(host.traces, ({ ports }) =>
          expect(ports).toMatchObject([{ port: 'vi102', interface: 'tap102i0', usable: true }]),
        );
      });
      // ovs-vswitchd makes the datapath's port anew, which takes it 1 to 2 ms, more on a busy host; bench/ has the figures.
      const happened = lost > TENTH ? await host.sh(`journalctl --since @${since} --no-pager`) : '';
      expect(lost, happened).toBeLessThanOrEqual(TENTH);
    });

    it('loses no packet when its old events are taken from the spool', async () => {
      // Its pre-start says "not plugged yet", and comes when it has long been running.
      const late = (phase: string) =>
        JSON.stringify({
          id: `late-${phase}`,
          at: '2026-01-01T00:00:00Z',
          source: 'proxmox',
          phase,
          vmid: 102,
        });
      const lost = await lostDuring(host, '10.0.0.102', async () => {
        for (const phase of ['pre-start', 'post-start', 'post-stop'])
          await host.call('lifecycle_event', 's', late(phase));
      });
      expect(lost).toBe(0);
      expect((await host.traces()).ports).toMatchObject([{ port: 'vi102' }]);
    });
  });
}
