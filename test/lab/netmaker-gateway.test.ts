// The host as gateway: containers under their own addresses on the LAN, and afterwards a host as if nothing had been.
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayChange, GatewayCounters, GatewaySpec } from '../../src/netmaker/gateway/spec.ts';
import { eventually } from './eventually.ts';
import { type Host, upHost } from './host.ts';

let host: Host;

beforeAll(async () => {
  host = await upHost('forky', 'gateway');
  // Debian's Node does not strip types.
  const { outputFiles } = await build({
    entryPoints: [new URL('gateway-process.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    write: false,
  });
  await host.exec(['dd', 'of=/tmp/gateway.cjs'], { input: outputFiles[0]?.contents ?? '' });
  // The LAN is a namespace with a router; eno1 is the way there. The containers are namespaces with a port on ovsbr1.
  await host.sh(`
    ip link add eno1 type veth peer name lan0
    nmcli device set eno1 managed no; nmcli device set lan0 managed no
    ip netns add lan; ip link set lan0 netns lan
    ip -n lan link set lo up; ip -n lan link set lan0 up
    ip -n lan address add 192.0.2.1/24 dev lan0; ip -n lan address add 2001:db8::1/64 dev lan0 nodad
    ip address add 192.0.2.10/24 dev eno1; ip -6 address add 2001:db8::10/64 dev eno1 nodad; ip link set eno1 up
    ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8::1
    ovs-vsctl add-br ovsbr1 -- set Bridge ovsbr1 datapath_type=netdev
    nmcli device set ovsbr1 managed no || true
    for at in 1 2; do
      ip netns add c$at; ip link add vi10$at up type veth peer name ovs0 netns c$at
      nmcli device set vi10$at managed no; ovs-vsctl add-port ovsbr1 vi10$at
      ip -n c$at link set lo up; ip -n c$at link set ovs0 up; ip netns exec c$at ethtool -K ovs0 tx off >/dev/null
    done
    sysctl -qw net.ipv4.conf.eno1.rp_filter=1 net.ipv4.conf.eno1.forwarding=0 net.ipv6.conf.docker0.forwarding=1
    sysctl -qw net.ipv6.conf.eno1.accept_ra=1`);
});

afterAll(() => host?.down());

const TAKEN = /stable_secret|tcp_fastopen_key|_mem = |\.gc_|dst_entries/;
/** All of the host's network that a gateway could have changed, without what changes by itself. */
const snapshot = async () => {
  const text = await host.sh(`
    { sysctl -a 2>/dev/null || true; } | grep '^net.ip'
    nft --stateless list ruleset 2>/dev/null; iptables-save; ip6tables-save
    for family in -4 -6; do ip $family address show; ip $family route show table all; ip $family rule show; done
    ip link show | grep -v ether; ip neigh show proxy`);
  // A device that was up once keeps its queue.
  const counters = /packets \d+ bytes \d+|\[\d+:\d+\]|^#.*|qdisc \S+/;
  return text
    .split('\n')
    .filter((line) => !TAKEN.test(line))
    .map((line) => line.replace(counters, ''));
};

const run = async <T>(verb: string, spec?: GatewaySpec, env: Record<string, string> = {}): Promise<T> => {
  const { stdout, stderr, exitCode } = await host.exec(
    ['node', '/tmp/gateway.cjs', verb, JSON.stringify(spec ?? {})],
    { env },
  );
  expect(exitCode, stdout + stderr).toBe(0);
  return JSON.parse(stdout) as T;
};
const assert = (spec: GatewaySpec) => run<GatewayChange[]>('assert', spec);
const undo = () => run<GatewayChange[]>('undo');
const counters = () => run<GatewayCounters>('counters');

const routed: GatewaySpec = {
  mode: 'routed',
  bridge: 'ovsbr1',
  pools: [
    { family: 4, subnet: '192.0.2.128/28', gateway: '192.0.2.129', prefix: 28 },
    { family: 6, subnet: '2001:db8::100/120', gateway: 'fe80::1', prefix: 128 },
  ],
  published: [
    { port: 'vi101', address: '192.0.2.131', allowIn: ['icmp', '5000-5009/udp', '5005/udp', '443/tcp'] },
    { port: 'vi101', address: '2001:db8::101', allowIn: ['icmp'] },
    { port: 'vi102', address: '192.0.2.132', allowIn: ['all'] },
  ],
  uplink: 'auto',
  onLink: 'auto',
  isolate: false,
  hostServices: ['icmp'],
  reserved: [],
  dockerBridges: ['docker0'],
};

/** What a container has, as the agent sets it up: address, default route. */
const inside = (at: number, ...addresses: string[]) =>
  host.sh(`
    ip -n c${at} address flush dev ovs0 scope global
    ${addresses
      .map((text) => {
        const [address = '', gateway = ''] = text.split(' ');
        const nodad = address.includes(':') ? 'nodad' : '';
        return `ip -n c${at} address add ${address} dev ovs0 ${nodad}
          ip -n c${at} route replace default via ${gateway} dev ovs0 onlink`;
      })
      .join('\n')}`);
const ping = async (from: string, to: string) =>
  (await host.exec(['ip', 'netns', 'exec', from, 'ping', '-c', '1', '-W', '2', to])).exitCode;
const reaches = (from: string, to: string) =>
  eventually(
    () => ping(from, to),
    (exitCode) => expect(exitCode).toBe(0),
  );
/** Who sent the packet that a listener in the LAN got from a container. */
const sourceSeen = (container: string, port: number) =>
  host.sh(`
    exec 3< <(exec ip netns exec lan timeout 10 tcpdump -lni lan0 -c 1 udp port ${port} 2>&1)
    sed -u '/listening on/q' <&3 >/dev/null
    ip netns exec ${container} bash -c 'echo hello >/dev/udp/192.0.2.1/${port}'
    grep -m 1 -oE 'IP [0-9.]+\\.[0-9]+ >' <&3 | sed -E 's/IP ([0-9.]+)\\.[0-9]+ >/\\1/'`);
const connects = async (from: string, to: string, port: number) =>
  (
    await host.exec([
      'ip',
      'netns',
      'exec',
      from,
      'timeout',
      '1',
      'bash',
      '-c',
      `echo >/dev/tcp/${to}/${port}`,
    ])
  ).stderr;

describe('a host with published addresses', () => {
  let before: string[];

  beforeAll(async () => {
    await eventually(
      () => host.sh('ip -oneline -6 address show tentative'),
      (said) => expect(said).toBe(''),
    );
    before = await snapshot();
    await assert(routed);
    await inside(1, '192.0.2.131/28 192.0.2.129', '2001:db8::101/128 fe80::1');
    await inside(2, '192.0.2.132/28 192.0.2.129');
  });

  it('makes a container reachable from the LAN under its own address, with IPv6 too', async () => {
    await reaches('lan', '192.0.2.131');
    await reaches('lan', '2001:db8::101');
    await reaches('c1', '192.0.2.1');
    await reaches('c1', '2001:db8::1');
  });

  it('has nothing to do the second time', async () => {
    expect(await assert(routed)).toEqual([]);
  });

  it('keeps the source address, whatever masquerading somebody adds later', async () => {
    await host.sh(`
      iptables -t nat -I POSTROUTING -o eno1 -j MASQUERADE
      nft add table ip later; nft 'add chain ip later out { type nat hook postrouting priority srcnat; }'
      nft add rule ip later out masquerade`);
    expect(await sourceSeen('c1', 700)).toBe('192.0.2.131');
    await host.sh('iptables -t nat -D POSTROUTING -o eno1 -j MASQUERADE; nft delete table ip later');
  });

  it('lets in what the address allows, and counts the rest', async () => {
    const { refused } = await counters();
    expect(await connects('lan', '192.0.2.131', 443)).toContain('refused');
    expect(await connects('lan', '192.0.2.131', 80)).not.toContain('refused');
    expect((await counters()).refused).toBeGreaterThan(refused);
    expect(await connects('lan', '192.0.2.132', 80)).toContain('refused');
  });

  it('offers its own services only as far as they are listed', async () => {
    await reaches('c1', '192.0.2.129');
    const { refusedByHost } = await counters();
    expect(await connects('c1', '192.0.2.129', 22)).not.toContain('refused');
    expect((await counters()).refusedByHost).toBeGreaterThan(refusedByHost);
  });

  it('keeps containers apart that would meet by way of the gateway, where they are to be isolated', async () => {
    await host.sh(`
      ip -n c1 route replace 192.0.2.132/32 via 192.0.2.129 dev ovs0
      ip -n c2 route replace 192.0.2.131/32 via 192.0.2.129 dev ovs0`);
    await reaches('c1', '192.0.2.132');
    await assert({ ...routed, isolate: true });
    const { refused } = await counters();
    // What the table had counted before it was replaced.
    expect(refused).toBeGreaterThan(0);
    expect(await ping('c1', '192.0.2.132')).not.toBe(0);
    expect((await counters()).refused).toBeGreaterThan(refused);
    await reaches('c1', '192.0.2.129');
    await reaches('c1', '192.0.2.1');
    await assert(routed);
    await host.sh('ip -n c1 route delete 192.0.2.132/32; ip -n c2 route delete 192.0.2.131/32');
  });

  it('drops and counts what comes from the LAN with the address of a container', async () => {
    await host.sh('ip -n lan address add 192.0.2.132/32 dev lan0');
    await host.exec([
      'ip',
      'netns',
      'exec',
      'lan',
      'ping',
      '-c',
      '1',
      '-W',
      '1',
      '-I',
      '192.0.2.132',
      '192.0.2.10',
    ]);
    await host.sh('ip -n lan address delete 192.0.2.132/32 dev lan0');
    expect((await counters()).spoofed).toBeGreaterThan(0);
  });

  it('takes one address back while the others stay', async () => {
    const fewer = { ...routed, published: routed.published.slice(0, 2) };
    expect(await assert(fewer)).toEqual([
      { did: 'undone', what: 'answers for 192.0.2.132 on eno1' },
      { did: 'made', what: 'nftables table inet ovs_port_agent' },
    ]);
    await reaches('lan', '192.0.2.131');
    await assert(routed);
  });

  it('is afterwards as it was before, to the byte', async () => {
    expect((await undo()).length).toBeGreaterThan(10);
    expect(await snapshot()).toEqual(before);
    expect(await undo()).toEqual([]);
  });
});

describe('a host that somebody else changes', () => {
  let log = '';
  let end: () => Promise<unknown>;

  beforeAll(async () => {
    await host.sh(`
      systemd-run --quiet --unit=gateway-watch --property=StandardOutput=file:/run/gateway-watch.log \
        node /tmp/gateway.cjs watch '${JSON.stringify(routed)}'`);
    log = '/run/gateway-watch.log';
    end = () => host.sh('systemctl stop gateway-watch.service');
    await inside(1, '192.0.2.131/28 192.0.2.129');
    await reaches('lan', '192.0.2.131');
  });
  afterAll(async () => {
    await end?.();
    await undo();
  });

  const lines = async () =>
    (await host.sh(`cat ${log}`))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as GatewayChange[]);
  /** No look for a while: nothing of our own making keeps it busy. */
  const rest = () =>
    eventually(
      async () => {
        const first = (await lines()).length;
        await new Promise((resolve) => setTimeout(resolve, 2500));
        return (await lines()).length - first;
      },
      (more) => expect(more).toBe(0),
      30_000,
    );

  it('comes to rest after its own changes', rest);

  it('has its rules again soon after a flush', async () => {
    await rest();
    await host.sh('nft flush ruleset');
    await eventually(
      () => host.exec(['nft', 'list', 'table', 'inet', 'ovs_port_agent']),
      ({ exitCode }) => expect(exitCode).toBe(0),
    );
    await host.sh('systemctl restart docker.service', { timeout: 60_000 });
    await eventually(
      () =>
        host.exec([
          'iptables',
          '-C',
          'DOCKER-USER',
          '-i',
          'ovsbr1',
          '-o',
          'eno1',
          '-s',
          '192.0.2.128/28',
          '-m',
          'comment',
          '--comment',
          'ovs-port-agent',
          '-j',
          'ACCEPT',
        ]),
      ({ exitCode }) => expect(exitCode).toBe(0),
    );
  });

  it('answers for the addresses again when the uplink comes back', async () => {
    await host.sh('ip link set eno1 down; ip link set eno1 up; ip route add default via 192.0.2.1');
    await eventually(
      () => host.sh('ip neigh show proxy'),
      (said) => expect(said).toContain('192.0.2.131 dev eno1'),
    );
    await reaches('lan', '192.0.2.131');
  });

  it('puts the gateway back on a bridge that was made anew', async () => {
    await host.sh('systemctl restart openvswitch-switch.service', { timeout: 60_000 });
    await eventually(
      () => host.sh('ip -4 address show dev ovsbr1 up || true'),
      (said) => expect(said).toContain('192.0.2.129/28'),
    );
    await reaches('lan', '192.0.2.131');
  });
});

describe('a process that is killed', () => {
  beforeEach(async () => {
    await undo();
  });

  it.each(['-f', 'address', 'proxy'])('at its step %s leaves a host that can be set back', async (step) => {
    const before = await snapshot();
    // `address show` and `neigh show proxy` are looks: it dies where the word stands in a change.
    const at = { '-f': '-f', address: '192.0.2.129/28', proxy: '192.0.2.131' }[step];
    await host.sh(
      `GATEWAY_DIES=${at} node /tmp/gateway.cjs assert '${JSON.stringify(routed)}' || test $? = 137`,
    );
    expect(JSON.parse(await host.sh('cat /run/gateway.json')).entries.length).toBeGreaterThan(10);
    await undo();
    expect(await snapshot()).toEqual(before);
  });
});

describe('policy routing', () => {
  it('is led to the containers as well', async () => {
    await host.sh(`
      ip rule add iif eno1 lookup 100 priority 1000; ip route add default via 192.0.2.1 dev eno1 table 100`);
    const before = await snapshot();
    await assert(routed);
    await reaches('lan', '192.0.2.131');
    await undo();
    expect(await snapshot()).toEqual(before);
    await host.sh('ip rule delete priority 1000; ip route flush table 100');
  });
});

describe('a pool that is the subnet of the LAN', () => {
  it('leaves the LAN its route and gives the container both sides', async () => {
    const before = await snapshot();
    await assert({
      ...routed,
      pools: [{ family: 4, subnet: '192.0.2.0/24', gateway: '192.0.2.1', prefix: 24 }],
      published: [{ port: 'vi101', address: '192.0.2.77', allowIn: ['all'] }],
    });
    await inside(1, '192.0.2.77/24 192.0.2.1');
    await reaches('c1', '192.0.2.1');
    await reaches('lan', '192.0.2.77');
    await reaches('c1', '192.0.2.10');
    expect(await host.sh('ip route get 192.0.2.50')).toContain('dev eno1');
    await undo();
    expect(await snapshot()).toEqual(before);
  });
});

describe('nat1to1', () => {
  it('translates between public and inside, also from container to container', async () => {
    const before = await snapshot();
    await assert({
      ...routed,
      mode: 'nat1to1',
      pools: [
        { family: 4, subnet: '192.0.2.128/28', gateway: '192.0.2.129', prefix: 28 },
        { family: 4, subnet: '10.218.0.0/16', gateway: '10.218.0.1', prefix: 16 },
      ],
      published: [
        { port: 'vi101', address: '192.0.2.131', inside: '10.218.0.11', allowIn: ['all'] },
        { port: 'vi102', address: '192.0.2.132', inside: '10.218.0.12', allowIn: ['all'] },
      ],
    });
    await inside(1, '10.218.0.11/16 10.218.0.1');
    await inside(2, '10.218.0.12/16 10.218.0.1');
    await reaches('lan', '192.0.2.131');
    expect(await sourceSeen('c1', 701)).toBe('192.0.2.131');
    await reaches('c1', '192.0.2.132');
    expect((await host.exec(['ping', '-c', '1', '-W', '2', '192.0.2.132'])).exitCode).toBe(0);
    await undo();
    expect(await snapshot()).toEqual(before);
  });
});

describe('a source address of a pool', () => {
  const subnet = '203.0.113.0/24';
  const alone: GatewaySpec = {
    ...routed,
    pools: [
      { family: 4, subnet, gateway: '203.0.113.1', prefix: 24 },
      { family: 6, subnet: '2001:db8:7::/64', gateway: '2001:db8:7::1', prefix: 64 },
    ],
    published: [{ port: 'vi101', address: '203.0.113.2', allowIn: ['all'] }],
    reserved: ['203.0.113.64/26'],
    dockerBridges: ['docked'],
  };

  beforeAll(async () => {
    // Bridges with a guest each: one of Docker's, with a name of its own, and one of the administrator's.
    await host.sh(`
      at=30
      for bridge in docked guests; do
        ip link add $bridge type bridge; nmcli device set $bridge managed no
        ip netns add of-$bridge; ip link add p-$bridge up type veth peer name eth0 netns of-$bridge
        nmcli device set p-$bridge managed no; ip link set p-$bridge master $bridge
        ip address add 172.$at.0.1/24 dev $bridge; ip link set $bridge up
        ip -n of-$bridge address add 172.$at.0.2/24 dev eth0; ip -n of-$bridge link set eth0 up
        sysctl -qw net.ipv4.conf.$bridge.rp_filter=0
        for tables in iptables ip6tables; do $tables -I FORWARD -i $bridge -j ACCEPT; done
        at=$((at + 1))
      done
      sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv6.conf.all.forwarding=1
      ip -6 address replace 2001:db8::10/64 dev eno1 nodad; ip -6 route replace default via 2001:db8::1`);
    await eventually(
      () => host.sh('ip -oneline -6 address show tentative'),
      (said) => expect(said).toBe(''),
    );
  });

  /** Of these sources the ones that the LAN hears of when the bridge's guest sends; its own is the last. */
  const heard = async (bridge: 'docked' | 'guests', ...sources: string[]) => {
    const own = bridge === 'docked' ? '172.30.0.2' : '172.31.0.2';
    const said = await host.sh(`
      ping -c 1 -W 2 192.0.2.1 >/dev/null; ping -c 1 -W 2 2001:db8::1 >/dev/null
      exec 3< <(exec ip netns exec lan timeout 20 tcpdump --immediate-mode -lni lan0 udp dst port 7000 2>&1)
      sed -u '/listening on/q' <&3 >/dev/null
      for source in ${sources.join(' ')} ${own}; do
        case $source in *:*) to=2001:db8::1 ;; *) to=192.0.2.1 ;; esac
        ip netns exec of-${bridge} spoof eth0 ip --source $source --to $to --count 1 \
          --to-mac $(cat /sys/class/net/${bridge}/address)
      done
      sed -u '/${own}/q' <&3`);
    const from = [...said.matchAll(/ IP6? (\S+)\.4000 >/g)].map(([, source]) => source);
    expect(from.at(-1)).toBe(own);
    return from.slice(0, -1);
  };
  const FREE = '203.0.113.9';
  const FREE6 = '2001:db8:7::9';
  const HELD = '203.0.113.2';
  const RESERVED = '203.0.113.99';
  const spoofed = async () => (await counters()).spoofed;

  it('gets out by every bridge while there are no rules', async () => {
    await undo();
    expect(await heard('docked', FREE, FREE6, RESERVED)).toEqual([FREE, FREE6, RESERVED]);
    expect(await heard('guests', FREE, FREE6, RESERVED)).toEqual([FREE, FREE6, RESERVED]);
  });

  it('comes from no bridge but the containers’, unless it is reserved, and from none of Docker’s', async () => {
    const before = await snapshot();
    await assert(alone);
    const sofar = await spoofed();
    expect(await heard('docked', FREE, FREE6, HELD, RESERVED)).toEqual([]);
    expect((await spoofed()) - sofar).toBe(4);
    expect(await heard('guests', FREE, FREE6, HELD, RESERVED)).toEqual([RESERVED]);
    expect((await spoofed()) - sofar).toBe(7);
    await inside(1, '203.0.113.2/24 203.0.113.1');
    expect(await sourceSeen('c1', 702)).toBe(HELD);
    await undo();
    expect(await snapshot()).toEqual(before);
  });

  it('comes from where a route of the administrator leads, also to a network of Docker’s', async () => {
    await host.sh('ip route replace 203.0.113.96/28 dev docked; ip route replace 203.0.113.8/29 dev guests');
    await assert(alone);
    expect(await heard('docked', FREE, RESERVED)).toEqual([RESERVED]);
    expect(await heard('guests', FREE)).toEqual([FREE]);
    await undo();
    await host.sh('ip route delete 203.0.113.96/28; ip route delete 203.0.113.8/29');
  });

  it('does not come from Docker’s bridge where the pool is the LAN’s subnet, and neighbours go on', async () => {
    const before = await snapshot();
    await assert({
      ...alone,
      pools: [{ family: 4, subnet: '192.0.2.0/24', gateway: '192.0.2.1', prefix: 24 }],
      published: [{ port: 'vi101', address: '192.0.2.77', allowIn: ['all'] }],
      reserved: ['192.0.2.64/26'],
    });
    expect(await heard('docked', '192.0.2.50', '192.0.2.77', '192.0.2.99')).toEqual([]);
    // Some hosts have guests with addresses of the LAN on bridges of their own.
    expect(await heard('guests', '192.0.2.50', '192.0.2.77')).toEqual(['192.0.2.50']);
    await inside(1, '192.0.2.77/24 192.0.2.1');
    await host.sh('ip -n lan address add 192.0.2.50/24 dev lan0');
    await eventually(
      () => host.exec('ip netns exec lan ping -c 1 -W 2 -I 192.0.2.50 192.0.2.77'.split(' ')),
      ({ exitCode }) => expect(exitCode).toBe(0),
    );
    await host.sh('ip -n lan address delete 192.0.2.50/24 dev lan0');
    await undo();
    expect(await snapshot()).toEqual(before);
  });

  it('is dropped inside and outside of a translation', async () => {
    await assert({
      ...alone,
      mode: 'nat1to1',
      pools: [
        { family: 4, subnet: '192.0.2.128/28', gateway: '192.0.2.129', prefix: 28 },
        { family: 4, subnet: '10.218.0.0/16', gateway: '10.218.0.1', prefix: 16 },
      ],
      published: [{ port: 'vi101', address: '192.0.2.131', inside: '10.218.0.11', allowIn: ['all'] }],
      reserved: [],
    });
    expect(await heard('docked', '10.218.0.11', '10.218.0.99', '192.0.2.131', '192.0.2.140')).toEqual([]);
    await undo();
  });
});
