// Netmaker containers as public servers, as promises that every host keeps; the judge is a peer behind a router.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import type { Suite } from './host.ts';
import { heardOf } from './lies.ts';
import { ask, IMAGE, type MeshHost, REMOTE, REMOTE6, UPLINK, upMeshHost } from './netmaker-host.ts';
import { networkState } from './network-state.ts';
import { unansweredDuring } from './pings.ts';
import { toldOnFailure } from './told-on-failure.ts';

export interface PublicPlace {
  suite: Suite;
  keys?: string;
  /** `routed`: the provider has a route for the pools; `on-link`: their addresses are looked for on the wire. */
  way: 'routed' | 'on-link';
}

/** The pools by how the provider delivers them: the subnet, and its address number `n`. */
const POOLS = {
  routed: {
    pools: ['203.0.113.0/24', '2001:db8:113::/64'],
    at: (n: number) => `203.0.113.${n}`,
    at6: (n: number) => `2001:db8:113::${n.toString(16)}`,
    last: 254,
  },
  'on-link': {
    pools: ['198.51.100.64/27', '2001:db8:ffff:0:113::/80'],
    at: (n: number) => `198.51.100.${64 + n}`,
    at6: (n: number) => `2001:db8:ffff:0:113::${n.toString(16)}`,
    last: 30,
  },
} as const;

/** In `allow_in` by default, and not. */
const OPEN = 51821;
const CLOSED = 51900;
/** Of the remote peer, which keeps nothing closed. */
const THERE = 7000;
/** On the host: open for containers, and not. */
const OFFERED = 7600;
const WITHHELD = 7601;
/** The one that only who asks for it by label gets. */
const STATIC = 20;
/** All that is handed out unasked: two to use and a third to run short. */
const SHORTAGE = 5;

const kinds = ['tcp', 'udp'] as const;

export function publicServers(name: string, { suite, keys = '', way }: PublicPlace): void {
  const { pools, at, at6, last } = POOLS[way];
  const gateway = at(1);
  const [a, b, a6, b6] = [at(2), at(3), at6(2), at6(3)];
  const both = [
    ['IPv4', a, b, REMOTE, gateway],
    ['IPv6', a6, b6, REMOTE6, at6(1)],
  ] as const;
  let host: MeshHost;
  let before: string[];
  toldOnFailure(() => host);

  /** One packet each way: what the server at `to` says about who asked. */
  const answer = async (asking: Promise<{ stdout: string }>) => (await asking).stdout;
  const list = async () => JSON.parse((await host.cli('netmaker', 'list', '--json')).stdout);

  beforeAll(async () => {
    host = await upMeshHost(name, {
      suite,
      keys,
      internet: `--${way} ${pools.join(' ')}`,
      netmaker: `
        pools = ${JSON.stringify(pools)}
        reserved = ["${at(SHORTAGE)}-${at(last)}"]
        host_services = ["icmp", "${OFFERED}/tcp"]
        stun_server = "${REMOTE}:3478"`,
    });
    await host.service('there', 'remote', `peer-address serve ${THERE}`);
    await host.service('stun', 'remote', 'stun-server 192.0.2.10 192.0.2.11');
    await host.service('own', 'host', `peer-address serve ${OFFERED} ${WITHHELD}`);
    const resolver = `--listen-address=172.17.0.1 --bind-interfaces --no-resolv --no-hosts --address=/mesh.example/${REMOTE} --address=/mesh.example/${REMOTE6}`;
    await host.service('resolver', 'host', `dnsmasq --keep-in-foreground --pid-file ${resolver}`);
    // What Docker sets up with its first container stays, and so do tables that iptables has had a rule in.
    await host.sh(`
      docker run -d --name first -p 8081:80 opa-test; docker rm -f first
      docker network create --ipv6 --subnet 172.28.0.0/24 --subnet fd00:28::/64 six
      docker run -d --name first --network six opa-test; docker rm -f first; docker network rm six
      for tables in iptables ip6tables; do
        for verb in -A -D; do $tables -t nat $verb POSTROUTING -o uplink0 -j MASQUERADE; done
      done
      timeout 10 sh -c 'while ip address | grep -q tentative; do sleep 0.1; done'`);
    await eventually(
      () => host.cli('status', '--json'),
      ({ stdout }) => expect(JSON.parse(stdout)).toMatchObject({ ready: true }),
    );
    before = await networkState(host);
  });

  afterAll(() => host?.down());

  describe('containers that are started with no extra step', () => {
    beforeAll(async () => {
      await host.start('netmaker-1', '-p 8080:80 --dns 172.17.0.1');
      await host.start('mesh-b', '--label dev.ovs.portagent.allow-in=all', IMAGE);
      for (const container of ['netmaker-1', 'mesh-b'])
        await host.service(`in-${container}`, { container }, `peer-address serve ${OPEN} ${CLOSED}`);
      await host.sh('docker exec netmaker-1 sh -c "mkdir /www; echo mesh >/www/index.html; httpd -h /www"');
    });

    it('have an address of each pool, by name as by image', async () => {
      expect(await host.addresses('netmaker-1')).toEqual([a, a6]);
      expect(await host.addresses('mesh-b')).toEqual([b, b6]);
      expect(await list()).toMatchObject([
        { container: 'mesh-b', decision: 'attached', role: 'client', addresses: [b, b6], mode: 'routed' },
        { container: 'netmaker-1', decision: 'attached', role: 'client', addresses: [a, a6] },
      ]);
    });

    it.each(both)('answer a peer on the internet, %s', async (_, first, second) => {
      for (const address of [first, second]) {
        await eventually(
          () => host.remote('ping', '-c1', '-W1', address),
          ({ exitCode }) => expect(exitCode, `${address} answers`).toBe(0),
        );
      }
    });

    it.each(both)(
      'are servers to it by TCP and UDP, under its own address, %s',
      async (_, first, second, peer) => {
        for (const address of [first, second])
          for (const kind of kinds) expect(await answer(host.remote(...ask(kind, address, OPEN)))).toBe(peer);
      },
    );

    it.each(both)(
      'are clients to it, and are seen under their own address, %s',
      async (_, first, second, peer) => {
        for (const kind of kinds) {
          expect(await answer(host.inside('netmaker-1', ...ask(kind, peer, THERE)))).toBe(first);
          expect(await answer(host.inside('mesh-b', ...ask(kind, peer, THERE)))).toBe(second);
        }
      },
    );

    it.each(both)('let in what their configuration names, and nothing else, %s', async (_, first, second) => {
      for (const kind of kinds) {
        expect((await host.remote(...ask(kind, first, CLOSED, 1))).exitCode).toBe(1);
        expect((await host.inside('mesh-b', ...ask(kind, first, CLOSED, 1))).exitCode).toBe(1);
        expect((await host.remote(...ask(kind, second, CLOSED))).exitCode).toBe(0);
      }
    });

    it.each(both)('reach each other under their public addresses, %s', async (_, first, second) => {
      for (const kind of kinds) {
        expect(await answer(host.inside('netmaker-1', ...ask(kind, second, OPEN)))).toBe(first);
        expect(await answer(host.inside('mesh-b', ...ask(kind, first, OPEN)))).toBe(second);
      }
    });

    it("are public in the eyes of Debian's STUN client", async () => {
      await host.sh(
        `timeout 10 sh -c 'until ip netns exec remote ss -lun | grep -q 192.0.2.11:3479; do sleep 0.1; done'`,
      );
      const seen = await host.inside('netmaker-1', 'stun', REMOTE, '1', '-v');
      expect(`${seen.stdout}${seen.stderr}`).toContain(`mappedAddr=${a}:`);
      // With nothing closed it also hears the answers of an address that it has not asked.
      const open = await host.inside('mesh-b', 'timeout', '30', 'stun', REMOTE);
      expect(`${open.stdout}${open.stderr}`).toContain('Primary: Open');
    });

    it('are attested as public, and the ledger has it', async () => {
      const { stdout, exitCode } = await host.cli('netmaker', 'attest', 'netmaker-1', '--json');
      const found = JSON.parse(stdout) as { container: string; mapped: string | null; verdict: string }[];
      expect(found.find(({ mapped }) => mapped === a)).toMatchObject({
        container: 'netmaker-1',
        verdict: 'public',
      });
      expect(exitCode).toBe(found.every(({ verdict }) => verdict === 'public') ? 0 : 1);
      expect((await host.ledger()).filter(({ data }) => data.verdict === 'public')).toMatchObject([
        { category: 'connectivity', data: { mapped: a, guest: 'netmaker-1' } },
      ]);
    });

    it('stay public when somebody adds a rule that translates all that leaves', async () => {
      await host.sh(`
        iptables -t nat -A POSTROUTING -o uplink0 -j MASQUERADE
        iptables -t nat -I POSTROUTING 1 -o uplink0 -j MASQUERADE
        ip6tables -t nat -A POSTROUTING -o uplink0 -j MASQUERADE`);
      for (const kind of kinds) {
        expect(await answer(host.inside('netmaker-1', ...ask(kind, REMOTE, THERE)))).toBe(a);
        expect(await answer(host.inside('mesh-b', ...ask(kind, REMOTE6, THERE)))).toBe(b6);
      }
      await host.sh(`
        iptables -t nat -D POSTROUTING -o uplink0 -j MASQUERADE
        iptables -t nat -D POSTROUTING -o uplink0 -j MASQUERADE
        ip6tables -t nat -D POSTROUTING -o uplink0 -j MASQUERADE`);
    });

    it.each(both)(
      "reach of the host's own services what is offered to them, %s",
      async (_, first, __, ___, router) => {
        expect(await answer(host.inside('netmaker-1', ...ask('tcp', router, OFFERED)))).toBe(first);
        expect((await host.inside('netmaker-1', ...ask('tcp', router, WITHHELD, 1))).exitCode).toBe(1);
        expect((await host.inside('netmaker-1', ...ask('udp', router, OFFERED, 1))).exitCode).toBe(1);
        expect((await host.inside('netmaker-1', 'ping', '-c3', '-W5', router)).exitCode).toBe(0);
      },
    );

    it('reach no more of them by a link-local address', async () => {
      const local = await host.sh(
        `ip -json -6 address show dev ovsbr1 scope link | jq -r '[.[].addr_info[]? | .local | values][0]'`,
      );
      const to = (port: number) => host.inside('netmaker-1', ...ask('tcp', `${local}%ovs0`, port, 1));
      // A fresh link-local address is not used until it is known to be nobody else's (RFC 4862, 5.4).
      await eventually(
        () => to(OFFERED),
        ({ exitCode }) => expect(exitCode).toBe(0),
      );
      expect((await to(WITHHELD)).exitCode).toBe(1);
    });

    it("reach the host's address on the uplink no further than that", async () => {
      expect((await host.inside('netmaker-1', ...ask('tcp', UPLINK, WITHHELD, 1))).exitCode).toBe(1);
    });

    it('keep the name servers that Docker gave them', async () => {
      expect(await host.sh('docker exec netmaker-1 cat /etc/resolv.conf')).toMatch(
        /^nameserver 172\.17\.0\.1$/m,
      );
      expect(await host.sh('docker exec netmaker-1 nslookup mesh.example')).toContain(REMOTE);
    });

    it('answer on the ports that Docker publishes, although their default route is another', async () => {
      expect((await host.inside('netmaker-1', 'ip', 'route', 'get', REMOTE)).stdout).toContain('dev ovs0');
      const seen = await host.remote('curl', '--silent', '--max-time', '5', `http://${UPLINK}:8080/`);
      expect(seen.stdout).toBe('mesh');
    });
  });

  describe("a container whose networks of Docker's change", () => {
    const lan = (verb: 'connect' | 'disconnect', network = 'lan') =>
      host.sh(`docker network ${verb} ${network} netmaker-1`);
    const defaults = async () => {
      const shown = await Promise.all(
        ['-4', '-6'].map((family) => host.inside('netmaker-1', 'ip', family, 'route', 'show', 'default')),
      );
      return shown.map(({ stdout }) => /dev (\S+)/.exec(stdout)?.[1] ?? '');
    };
    /** Once the agent has heard of it and both ways lead where they should. */
    const isAsBefore = () =>
      eventually(
        async () => ({
          defaults: await defaults(),
          published: (await host.remote('curl', '--silent', '--max-time', '5', `http://${UPLINK}:8080/`))
            .stdout,
          from: await answer(host.inside('netmaker-1', ...ask('udp', REMOTE, THERE))),
          from6: await answer(host.inside('netmaker-1', ...ask('udp', REMOTE6, THERE))),
        }),
        (seen) => {
          const own = { from: a, from6: a6 };
          expect(seen).toEqual({ defaults: ['ovs0', 'ovs0'], published: 'mesh', ...own });
        },
      );

    it('goes on as before, and is reached all the while', async () => {
      await host.sh('docker network create --ipv6 --subnet 172.29.0.0/24 --subnet fd00:29::/64 lan');
      const changes = async () => {
        await lan('connect');
        await isAsBefore();
        await lan('disconnect', 'bridge');
        await isAsBefore();
        await lan('connect', 'bridge');
        await lan('disconnect');
        await isAsBefore();
      };
      expect(await unansweredDuring(host, a, changes, 'remote')).toEqual([]);
    });

    it('has another default route of its own choice for as long as it wants, whatever the agent does', async () => {
      const inside = async (script: string) => host.inside('netmaker-1', 'sh', '-ec', script);
      const own = `
        ip link add netmaker type veth peer name wire; ip link set netmaker up; ip link set wire up
        ip address add 10.101.0.2/24 dev netmaker; ip route del default
        ip route add default via 10.101.0.1 dev netmaker`;
      expect(await inside(own)).toMatchObject({ exitCode: 0 });
      await host.sh('systemctl restart ovs-port-agent');
      expect((await host.cli('reconcile')).exitCode).toBe(0);
      expect(await defaults()).toEqual(['netmaker', 'ovs0']);
      // Who asks for it under its public address is answered from there.
      expect((await host.remote('ping', '-c1', '-W5', a)).exitCode).toBe(0);

      const former = `ip link del netmaker; ip route add default via ${gateway} dev ovs0`;
      expect(await inside(former)).toMatchObject({ exitCode: 0 });
      await host.sh('systemctl restart ovs-port-agent');
      expect((await host.cli('reconcile')).exitCode).toBe(0);
      await lan('connect');
      await lan('disconnect');
      await host.sh('docker network rm lan');
      await isAsBefore();
    });
  });

  describe('a container that lies about who it is', () => {
    const [arp, ndp, udp, udp6] = [
      `arp --source ${a} --to ${b}`,
      `ndp --source ${a6} --to ff02::1`,
      `ip --source ${a} --to ${REMOTE}`,
      `ip --source ${a6} --to ${REMOTE6}`,
    ];

    it.each([
      ['its IPv4 address', 'ipv4', `ip --source ${at(STATIC)} --to ${REMOTE}`, udp],
      ['its IPv6 address', 'ipv6', `ip --source ${at6(STATIC)} --to ${REMOTE6}`, udp6],
      ['its MAC', 'mac', `${udp} --mac 02:00:00:00:00:66`, udp],
      ['who has the gateway, by ARP', 'arp', `arp --source ${gateway} --to ${b}`, arp],
      ['who has the gateway, by NDP', 'nd', `ndp --source ${at6(1)} --to ff02::1`, ndp],
      ['that it is its neighbour, by ARP', 'arp', `arp --source ${b} --to ${gateway}`, arp],
      ['that its address is elsewhere', 'arp', `${arp} --claimed-mac 02:00:00:00:00:66`, arp],
    ] as const)('is heard by nobody, and counted: %s', async (_, kind, lie, truth) => {
      const router = `--to-mac ${await host.sh('cat /sys/class/net/ovsbr1/address')}`;
      const to = lie.startsWith('ip') ? router : '';
      const counted = async () => (await host.report('netmaker-1')).spoofed?.[kind] ?? Number.NaN;
      const sofar = await counted();
      const heard = await heardOf(host, {
        liar: 'netmaker-1',
        neighbour: 'mesh-b',
        lie: `${lie} ${to}`,
        truth: `${truth} ${to}`,
      });
      expect(heard.host).toHaveLength(1);
      expect(heard.remote).toHaveLength(lie.startsWith('ip') ? 1 : 0);
      // A switch that does not know where the router is hands the true word to everybody.
      const frames = (lines: readonly string[]) => lines.map((line) => line.replace(/^\S+ /, ''));
      expect(frames(heard.neighbour).filter((frame) => !frames(heard.host).includes(frame))).toEqual([]);
      await eventually(counted, (now) => expect(now - sofar).toBe(5));
    });

    it('is heard by nobody before its rules stand, however early it brings its card up', async () => {
      const own = at(STATIC + 1);
      const labels = `--label dev.ovs.portagent.address=${own} --label dev.ovs.portagent.address6=${at6(STATIC + 1)}`;
      const mac = await host.sh('cat /sys/class/net/ovsbr1/address');
      const spoof = (source: string) => `spoof ovs0 ip --source ${source} --to ${REMOTE} --to-mac ${mac}`;
      // With the host's programs, since its image has few.
      const liar = `/src/test/lab/host/${spoof(b)} --eager 2; sleep 1000`;
      await host.sh(`
        rm -f /tmp/early*
        systemd-run --quiet --unit=early -p StandardOutput=file:/tmp/early -p StandardError=file:/tmp/early.log \
          tcpdump -i ovsbr1 -Q in --immediate-mode -nl "udp dst port 7000 and dst ${REMOTE}"
        timeout 5 sh -c 'until grep -q listening /tmp/early.log; do sleep 0.05; done'
        docker run -d --name netmaker-hasty --cap-add NET_ADMIN ${labels} -v /:/host:ro opa-test \
          chroot /host sh -c '${liar}'`);
      await eventually(
        () => host.report('netmaker-hasty'),
        ({ spoofed }) => expect(spoofed?.ipv4).toBeGreaterThan(100),
      );
      const heard = await eventually(
        async () => {
          await host.inside('netmaker-hasty', ...spoof(own).split(' '));
          return host.sh(`awk 'NF { print $3 }' /tmp/early | sort -u`);
        },
        (seen) => expect(seen).toContain(own),
      );
      await host.sh('systemctl stop early; docker rm -f netmaker-hasty');
      expect(heard).toBe(`${own}.4000`);
    });

    it.each([
      ['a free address', 'IPv4', `--source ${at(4)} --to ${REMOTE}`, udp],
      ['a free address', 'IPv6', `--source ${at6(9)} --to ${REMOTE6}`, udp6],
      ['a reserved address', 'IPv4', `--source ${at(last)} --to ${REMOTE}`, udp],
      ["its neighbour's address", 'IPv6', `--source ${b6} --to ${REMOTE6}`, udp6],
    ])("gets nowhere through Docker's network with %s of the pool, %s", async (_, __, lie, truth) => {
      const macOf = (device: string) => host.sh(`cat /sys/class/net/${device}/address`);
      const spoofed = async () =>
        Number(
          await host.sh(`
            nft -j list counter inet ovs_port_agent spoofed | jq '.nftables[].counter | values | .packets'`),
        );
      // By whatever name: before version 26, Docker counts on when it connects a container again.
      const { stdout: routes } = await host.inside('netmaker-1', 'ip', 'route', 'show', 'table', '5182');
      const card = /^default .* dev (\S+)/m.exec(routes)?.[1] ?? '';
      const sofar = await spoofed();
      const heard = await heardOf(host, {
        liar: 'netmaker-1',
        neighbour: 'mesh-b',
        card,
        lie: `ip ${lie} --to-mac ${await macOf('docker0')}`,
        truth: `${truth} --to-mac ${await macOf('ovsbr1')}`,
      });
      expect(heard.remote).toHaveLength(1);
      expect(heard.neighbour).toEqual([]);
      expect((await spoofed()) - sofar).toBe(5);
    });
  });

  it("knows a new network of Docker's by its bridge, whatever that is called, for as long as it is there", async () => {
    const known = () => host.sh('nft list set inet ovs_port_agent docker_bridges');
    await host.sh('docker network create --opt com.docker.network.bridge.name=oddly other');
    await eventually(known, (said) => expect(said).toContain('"oddly"'));
    expect(await known()).toContain('"docker0"');
    await host.sh('docker network rm other');
    await eventually(known, (said) => expect(said).not.toContain('oddly'));
  });

  it("is told of somebody's firewall that stops what it forwards, beside Docker's, until it is mended", async () => {
    const hints = async () => JSON.parse((await host.cli('status', '--json')).stdout).netmaker.hints;
    const isReached = async () => (await host.remote('ping', '-c1', '-W1', b)).exitCode === 0;
    expect([await hints(), await isReached()]).toEqual([[], true]);
    await host.sh(`
      nft add table inet fw; nft 'add chain inet fw forward { type filter hook forward priority 10; policy accept; }'
      nft add rule inet fw forward ct state established,related accept; nft add rule inet fw forward reject`);
    await eventually(hints, (said) =>
      expect(said).toEqual(
        expect.arrayContaining([expect.stringContaining('inet fw forward ends in reject')]),
      ),
    );
    expect(await isReached()).toBe(false);
    for (const verb of ['status', 'doctor']) {
      const { exitCode, stdout } = await host.cli(verb);
      expect([verb, exitCode, stdout]).toEqual([
        verb,
        1,
        expect.stringContaining('inet fw forward ends in reject'),
      ]);
    }
    await host.sh(`
      nft insert rule inet fw forward iifname ovsbr1 accept; nft insert rule inet fw forward oifname ovsbr1 accept`);
    await eventually(hints, (said) => expect(said).toEqual([]));
    expect(await isReached()).toBe(true);
    await host.sh('nft delete table inet fw');
  });

  describe('an address', () => {
    it('is the one that a label asks for', async () => {
      await host.start(
        'netmaker-static',
        `--label dev.ovs.portagent.address=${at(STATIC)} --label dev.ovs.portagent.address6=${at6(STATIC)}`,
      );
      expect(await host.addresses('netmaker-static')).toEqual([at(STATIC), at6(STATIC)]);
      expect(await answer(host.inside('netmaker-static', ...ask('tcp', REMOTE, THERE)))).toBe(at(STATIC));
      await host.sh('docker rm -f netmaker-static');
    });

    it('is the same after the container was removed and made anew', async () => {
      await host.sh('docker rm -f mesh-b');
      await host.start('netmaker-3');
      expect(await host.addresses('netmaker-3')).toEqual([at(4), at6(4)]);
      await host.start('mesh-b', '', IMAGE);
      expect(await host.addresses('mesh-b')).toEqual([b, b6]);
      await eventually(
        () => host.remote('ping', '-c1', '-W1', b),
        ({ exitCode }) => expect(exitCode).toBe(0),
      );
    });

    it('is refused to one container alone when there is none left', async () => {
      await host.sh(`docker run -d --name netmaker-late opa-test`);
      // Before the agent has come to it, its report says only why it is to have one.
      await eventually(
        () => host.report('netmaker-late'),
        (report) =>
          expect(report).toMatchObject({
            decision: expect.not.stringMatching('attached'),
            port: null,
            reason: expect.stringMatching(/pool|address/),
          }),
      );
      const blocks = await host.ledger();
      expect(
        blocks.filter(({ data }) => JSON.stringify(data).includes('netmaker-late')).length,
      ).toBeGreaterThan(0);
      expect(await answer(host.inside('netmaker-1', ...ask('udp', REMOTE, THERE)))).toBe(a);
      await host.sh('docker rm -f netmaker-late');
    });
  });

  describe('the host', () => {
    const gone = () =>
      eventually(
        () => networkState(host),
        (now) => expect(now).toEqual(before),
      );

    it('is exactly as it was when the last of the containers is gone', async () => {
      // A process of somebody else in a container's namespace would keep that alive.
      await host.sh('systemctl stop in-netmaker-1; docker rm -f netmaker-1 mesh-b netmaker-3');
      await gone();
    });

    it('is as it was when the package is removed while containers run', async () => {
      await host.start('netmaker-1');
      expect(await host.addresses('netmaker-1')).toEqual([a, a6]);
      await host.sh('DEBIAN_FRONTEND=noninteractive apt-get purge -y ovs-port-agent');
      const routes = await host.inside('netmaker-1', 'ip', 'route', 'show', 'default');
      expect(routes.stdout.trim()).toBe('default via 172.17.0.1 dev eth0');
      await host.sh(`
        docker network create after; docker network connect after netmaker-1
        docker network disconnect bridge netmaker-1; docker network connect bridge netmaker-1
        docker rm -f netmaker-1; docker network rm after`);
      const ours = /\bovsbr[01]\b/;
      const others = (lines: string[]) => lines.filter((line) => !ours.test(line));
      expect(others(await networkState(host))).toEqual(others(before));
      expect((await networkState(host)).filter((line) => ours.test(line) && line.includes(gateway))).toEqual(
        [],
      );
    });
  });
}
