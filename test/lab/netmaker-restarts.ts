// Connections of public containers through restarts of everything around them, as promises; each pause is measured.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import type { Suite } from './host.ts';
import { type MeshHost, REMOTE, upMeshHost } from './netmaker-host.ts';
import { longestGapDuring } from './pings.ts';
import { openStream, type Stream } from './streams.ts';
import { toldOnFailure } from './told-on-failure.ts';

const A = '203.0.113.2';
const PORT = 51821;

/** What an administrator has in /etc/nftables.conf: Debian's example, and nothing of ours or of Docker's. */
const RULESET = `flush ruleset
table inet filter {
  chain input { type filter hook input priority filter; policy accept; }
  chain forward { type filter hook forward priority filter; policy accept; }
  chain output { type filter hook output priority filter; policy accept; }
}`;

/** The longest pause of a TCP stream in ms that is still a pause, about three times what was measured. */
const RESTARTS: readonly [what: string, command: string, limitMs: number][] = [
  ['Docker', 'systemctl restart docker', 5000],
  ['NetworkManager', 'systemctl restart NetworkManager', 10_000],
  ['the firewall', 'nft -f /etc/nftables.conf', 10_000],
  ['the agent', 'systemctl restart ovs-port-agent', 5000],
  ['Open vSwitch', 'systemctl restart openvswitch-switch', 30_000],
];

export function surviving(name: string, suite: Suite): void {
  let host: MeshHost;

  beforeAll(async () => {
    host = await upMeshHost(name, { suite });
    await host.exec(['sh', '-c', 'cat >/etc/nftables.conf'], { input: RULESET });
    await host.sh(`
      mkdir -p /etc/docker; echo '{"live-restore": true}' >/etc/docker/daemon.json; systemctl restart docker`);
  });

  afterAll(() => host?.down());
  toldOnFailure(() => host);

  describe('a TCP stream from the internet to a container', () => {
    let stream: Stream;

    beforeAll(async () => {
      await host.start('netmaker-1');
      expect(await host.addresses('netmaker-1')).toEqual([A]);
      await host.service('echo', { container: 'netmaker-1' }, `peer-address echo ${PORT}`);
      await host.service('there', 'remote', 'peer-address serve 7000');
      stream = await openStream(host, A, PORT);
    });

    /** All that guards the port, but for numbers that a new ovs-vswitchd may give anew. */
    const guards = async () => {
      const flows = await host.sh(
        'ovs-ofctl -O OpenFlow14 --no-stats dump-flows ovsbr1 | grep -c actions=drop',
      );
      return `${flows} ${await host.sh('nft --stateless list table inet ovs_port_agent')}`;
    };

    it.for(RESTARTS.filter(([what]) => suite === 'forky' || what !== 'NetworkManager'))(
      'goes on after a restart of %s',
      async ([what, command, limitMs], { annotate }) => {
        const before = await guards();
        const pause = await stream.longestPauseDuring(() => host.sh(command));
        await annotate(
          `${suite}: longest pause of a TCP stream while ${what} restarts: ${Math.round(pause)} ms`,
        );
        expect(pause).toBeLessThan(limitMs);
        await eventually(
          () => host.inside('netmaker-1', 'peer-address', 'ask', 'udp', REMOTE, '7000'),
          ({ stdout }) => expect(stdout).toBe(A),
        );
        await eventually(guards, (now) => expect(now).toBe(before));
      },
    );
  });

  describe('a mesh container that dies', () => {
    const flows = async (port: string) => {
      const number = await host.sh(`ovs-vsctl get Interface ${port} ofport`);
      const text = await host.sh('ovs-ofctl -O OpenFlow14 --no-stats --no-names dump-flows ovsbr1 | sort');
      const word = new RegExp(`\\b(in_port=|output:)${number}\\b`, 'g');
      // The mark at the end is a sum of all of them, with the number in it.
      return text
        .split('\n')
        .map((line) =>
          line
            .replace(word, '$1OWN')
            .replace(/metadata=\w+/, 'MARK')
            .trim(),
        )
        .sort();
    };

    it('has its port, its address and its rules again within a second of its start', async ({ annotate }) => {
      // Also when this is the second try.
      await host.sh('systemctl stop pings 2>/dev/null || true; docker rm -f netmaker-2 2>/dev/null || true');
      await host.start('netmaker-2', '--restart always');
      const { port, addresses } = await host.report('netmaker-2');
      const [address = ''] = addresses;
      const before = await flows(String(port));
      await host.service('pings', 'remote', `sh -c 'exec stdbuf -oL ping -D -i 0.01 ${address} >/tmp/pings'`);
      await host.sh(`
        date +%s.%N >/tmp/killed
        # Docker starts what dies by itself again, and leaves alone what "docker kill" ended.
        kill -9 $(docker inspect --format '{{.State.Pid}}' netmaker-2)`);
      const started = await eventually(
        () =>
          host.sh(`
            docker events --since $(cat /tmp/killed) --until $(date +%s.%N) --filter container=netmaker-2 \
              --filter event=start --format '{{.TimeNano}}'`),
        (nanoseconds) => expect(nanoseconds).toMatch(/^\d+$/),
      );
      const startedMs = Number(started) / 1e6;
      const back = await eventually(
        async () => {
          const text = await host.sh("grep ' ttl=' /tmp/pings | grep -o '^\\[[0-9.]*' | tr -d '['");
          const times = text.split('\n').map((seconds) => Number(seconds) * 1000);
          return times.find((at) => at > startedMs) ?? Number.NaN;
        },
        (at) => expect(at).toBeGreaterThan(startedMs),
      );
      await host.sh('systemctl stop pings');
      await annotate(`${suite}: start event to the first answer: ${Math.round(back - startedMs)} ms`);
      // The promise is one second (bench); three busy hosts on two cores take their time.
      expect(back - startedMs).toBeLessThan(5000);
      expect(await host.report('netmaker-2')).toMatchObject({ port, addresses, decision: 'attached' });
      await eventually(
        () => flows(String(port)),
        (now) => expect(now).toEqual(before),
      );
      await host.sh('docker rm -f netmaker-2');
    });
  });

  describe('a fail-over group', () => {
    it('has its address at the next member when its holder dies', async ({ annotate }) => {
      const label = '--label dev.ovs.portagent.netmaker.failover-group=api';
      await host.start('netmaker-3', label);
      await host.start('netmaker-4', label);
      const group = async (name: string) => (await host.report(name)).group;
      expect(await group('netmaker-3')).toMatchObject({ name: 'api', holder: true });
      expect(await group('netmaker-4')).toMatchObject({ name: 'api', holder: false });
      const [shared = ''] = (await group('netmaker-3'))?.addresses ?? [];
      expect((await host.addresses('netmaker-3')).at(-1)).toBe(shared);
      expect(await host.addresses('netmaker-4')).not.toContain(shared);
      const gap = await longestGapDuring(host, shared, async () => {
        await host.sh('docker kill netmaker-3');
        await eventually(
          () => group('netmaker-4'),
          (now) => expect(now).toMatchObject({ holder: true }),
        );
        await host.sh(`timeout 30 sh -c 'until ping -c50 -i0.01 -W1 ${shared}; do :; done'`);
      });
      await annotate(
        `${suite}: longest time without an answer under the shared address: ${Math.round(gap)} ms`,
      );
      expect(gap).toBeLessThan(8000);
      expect(await host.addresses('netmaker-4')).toContain(shared);
      const addressTransfers = (await host.ledger()).filter(({ data }) => data.group === 'api');
      expect(JSON.stringify(addressTransfers.at(-1)?.data)).toContain('netmaker-4');
      const { stdout } = await host.remote('ping', '-c3', '-W5', shared);
      expect(stdout).toContain('3 received');
      await host.sh('docker rm -f netmaker-3 netmaker-4');
    });
  });
}
