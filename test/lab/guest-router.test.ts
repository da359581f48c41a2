// A guest says that it is a router: the host believes none of it, whoever made the bridge, and its bridges have no IPv6 that
// nobody asked for.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import type { Suite } from './host.ts';

const BRIDGES = `[bridges.ovsbr0]
addresses = ["10.0.0.1/24"]
[bridges.ovsbr1]
addresses = ["203.0.113.1/24", "2001:db8:1::1/64"]
`;

/** From the guest's own link-local address to all nodes: a router for half an hour, and a prefix to take an address of. */
const ADVERTISE = `
import socket, struct, sys
index = socket.if_nametoindex(sys.argv[1])
prefix = socket.inet_pton(socket.AF_INET6, '2001:db8:bad::')
option = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 3600, 3600, 0) + prefix
sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
sock.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + option, ('ff02::1', 0, 0, index))
`;

describe.each(['trixie', 'forky'] as const satisfies Suite[])('on %s', (suite) => {
  let host: AgentHost;

  beforeAll(async () => {
    host = await upAgentHost(`guest-router-${suite}`, '', suite, BRIDGES);
    await host.exec(['sh', '-c', 'cat >/tmp/advertise.py'], { input: ADVERTISE });
    // A neighbour on each bridge that does believe: it shows that the guest was heard.
    await host.sh(`
      lxc-guest create left --link ovsbr0 --ip 10.0.0.50/24; lxc-guest start left
      lxc-guest create right --link ovsbr1 --ip 203.0.113.50/24; lxc-guest start right
      for at in 0 1; do
        ip netns add ear$at; ip link add ear$at type veth peer name eth0 netns ear$at
        ip netns exec ear$at sysctl -q net.ipv6.conf.eth0.accept_ra=2; ip -n ear$at link set eth0 up
        ip link set ear$at up; ovs-vsctl --may-exist add-port ovsbr$at ear$at
        sysctl -q net.ipv6.conf.ear$at.disable_ipv6=1
      done`);
  });

  afterAll(() => host?.down());

  const heard = (place: string) =>
    host.sh(`ip ${place} -6 route show default; ip ${place} -6 address show dynamic`);

  /** Both guests advertise until the neighbours have heard them. */
  async function advertise(): Promise<void> {
    await host.sh(
      'for at in 0 1; do ip -n ear$at -6 route flush default; ip -n ear$at -6 address flush dev eth0 scope global; done',
    );
    await eventually(
      async () => {
        await host.sh(`
          for name in left right; do
            nsenter -t $(lxc-info -n $name -p -H) -n python3 /tmp/advertise.py eth0 || true
          done`);
        return Promise.all(['-n ear0', '-n ear1'].map(heard));
      },
      (ears) => {
        for (const ear of ears) expect(ear).toContain('default via fe80::');
      },
    );
  }

  const addressesOf = async (link: string) =>
    (await host.sh(`ip -6 -json address show dev ${link} | jq -r '.[].addr_info[]? | select(.local).local'`))
      .split('\n')
      .filter(Boolean);

  async function expectDeaf(): Promise<void> {
    expect(await heard('')).toBe('');
    expect(await addressesOf('ovsbr0')).toEqual([]);
    expect(await addressesOf('ovsbr1')).toEqual(['2001:db8:1::1', expect.stringMatching(/^fe80:/)]);
    const redirects = ['ipv4', 'ipv6'].map(
      (family) => `cat /proc/sys/net/${family}/conf/ovsbr1/accept_redirects`,
    );
    expect(await host.sh(redirects.join('; '))).toBe('0\n0');
  }

  it('is no router for the host', async () => {
    await advertise();
    await expectDeaf();
  });

  it('is none after restarts of the switch, and of the agent', async () => {
    await host.sh('systemctl restart openvswitch-switch');
    await eventually(
      () => host.sh('ping -c 1 -W 1 10.0.0.50; ping -c 1 -W 1 203.0.113.50'),
      () => undefined,
    );
    await host.sh('systemctl restart ovs-port-agent; ovs-port-agent reconcile');
    await advertise();
    await expectDeaf();
  });

  it('is none any more on a bridge that believed it', async () => {
    await host.sh(
      'sysctl -q net.ipv6.conf.ovsbr0.disable_ipv6=0 net.ipv6.conf.ovsbr0.accept_ra=2 net.ipv6.conf.ovsbr0.autoconf=1',
    );
    await advertise();
    await eventually(
      () => heard(''),
      (seen) => expect(seen).toContain('dev ovsbr0'),
    );
    await host.sh('ovs-port-agent reconcile');
    await expectDeaf();
    expect((await host.cli('status')).stdout).toContain('Nothing waits.');
  });
});
