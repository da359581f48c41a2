// A WireGuard mesh of two containers and a peer far away, through their public addresses; Debian's wireguard-go and wg.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type MeshHost, REMOTE, upMeshHost } from './netmaker-host.ts';

const A = '203.0.113.2';
const B = '203.0.113.3';
const PORT = 51821;
/** As netclient calls it. */
const LINK = 'netmaker';
const MEMBERS = [
  ['netmaker-1', A, '10.101.0.1'],
  ['netmaker-2', B, '10.101.0.2'],
  ['remote', REMOTE, '10.101.0.3'],
] as const;

let host: MeshHost;

beforeAll(async () => {
  host = await upMeshHost('wireguard', { netmaker: 'watch_interval = 1' });
  // An image with the two programs and the libraries that they name.
  await host.sh(`
    mkdir -p /tmp/image && cd /tmp/image && tar -xf /opt/lab/docker/busybox.tar
    mkdir -p usr/bin run var && ln -sfn /run var/run
    cp /usr/bin/wireguard-go /usr/bin/wg usr/bin/
    for library in $(ldd /usr/bin/wg /usr/bin/wireguard-go | grep -o '/lib[^ ]*' | sort -u); do
      mkdir -p ".$(dirname "$library")"; cp --dereference "$library" ".$library"
    done
    tar -c . | docker import --change 'ENV PATH=/bin:/usr/bin' \
      --change 'CMD ["sh", "-c", "trap exit TERM; sleep 2147483647 & wait"]' - gravitl/netclient:v1.5.1
    mkdir -p /tmp/keys && cd /tmp/keys
    for name in ${MEMBERS.map(([name]) => name).join(' ')}; do wg genkey >$name; wg pubkey <$name >$name.pub; done`);
  for (const name of ['netmaker-1', 'netmaker-2']) {
    const rights = '--cap-add NET_ADMIN --device /dev/net/tun --volume /tmp/keys:/keys:ro';
    await host.start(name, rights, 'gravitl/netclient:v1.5.1');
  }
  for (const [name, , inner] of MEMBERS) {
    const peers = MEMBERS.filter(([other]) => other !== name).map(
      ([other, outer, allowed]) =>
        `peer $(cat $keys/${other}.pub) endpoint ${outer}:${PORT} allowed-ips ${allowed}/32`,
    );
    const script = `
      wireguard-go ${LINK}
      wg set ${LINK} private-key $keys/${name} listen-port ${PORT} ${peers.join(' ')}
      ip addr add ${inner}/24 dev ${LINK}
      ip link set ${LINK} up`;
    // The one far away keeps its control socket apart from those of the host.
    if (name === 'remote')
      await host.sh(`keys=/tmp/keys; inside() { ip netns exec remote sh -ec "$1"; }; inside "${script}"`);
    else await host.sh(`docker exec ${name} sh -ec 'keys=/keys; ${script}'`);
  }
});

afterAll(() => host?.down());

describe('a WireGuard mesh over public addresses', () => {
  it.each([
    ['from one container to the other', 'docker exec netmaker-1', '10.101.0.2'],
    ['back', 'docker exec netmaker-2', '10.101.0.1'],
    ['from a container to the peer far away', 'docker exec netmaker-1', '10.101.0.3'],
    ['from the peer far away to a container', 'ip netns exec remote', '10.101.0.2'],
  ])('carries packets %s', async (_, where, to) => {
    await host.sh(`${where} ping -c2 -W5 ${to}`);
  });

  it('has each peer at its own public address, unchanged on the way', async () => {
    const endpoints = await host.sh(`ip netns exec remote wg show ${LINK} endpoints | cut -f2 | sort`);
    expect(endpoints.split('\n')).toEqual([`${A}:${PORT}`, `${B}:${PORT}`]);
  });

  it('is seen by `netmaker list`: endpoints, age of the handshake, bytes', async () => {
    const peers = await host.sh('cat /tmp/keys/netmaker-2.pub /tmp/keys/remote.pub');
    const [second, remote] = peers.split('\n');
    const { wireguard } = await eventually(
      () => host.report('netmaker-1'),
      (report) => {
        expect(report.wireguard[0]?.peers).toHaveLength(2);
        for (const { handshake_age, rx } of report.wireguard[0]?.peers ?? []) {
          expect(handshake_age).toBeLessThan(120);
          expect(rx).toBeGreaterThan(100);
        }
      },
    );
    expect(wireguard).toMatchObject([{ interface: LINK, source: 'userspace', listen_port: PORT }]);
    expect(
      Object.fromEntries(wireguard[0]?.peers.map((peer) => [peer.public_key, peer.endpoint]) ?? []),
    ).toEqual({
      [String(second)]: `${B}:${PORT}`,
      [String(remote)]: `${REMOTE}:${PORT}`,
    });
  });

  it("leaves Netmaker's own interface alone", async () => {
    expect((await host.traces()).ports.map(({ interface: link }) => link)).not.toContain(LINK);
    expect(await host.sh(`docker exec netmaker-1 ip -o addr show dev ${LINK}`)).toContain('10.101.0.1/24');
  });

  it('has its peers in the ledger when they come and when an endpoint moves', async () => {
    const actions = async () =>
      (await host.ledger()).filter(
        ({ category, data }) => category === 'connectivity' && data.guest === 'netmaker-1',
      );
    await eventually(actions, (blocks) =>
      expect(blocks.map(({ action }) => action)).toContain('wireguard_interface_appeared'),
    );
    await host.sh(`ip netns exec remote wg set ${LINK} listen-port 51829`);
    await host.sh('ip netns exec remote ping -c2 -W5 10.101.0.1');
    await eventually(actions, (blocks) =>
      expect(blocks.findLast(({ action }) => action === 'endpoint_changed')?.data).toMatchObject({
        from: `${REMOTE}:${PORT}`,
        to: `${REMOTE}:51829`,
      }),
    );
  });
});
