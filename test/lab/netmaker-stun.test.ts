// Who is public by STUN: our client against coturn, other people's clients against our responder, with NAT and without.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Attestation } from '../../src/netmaker/stun/attest.ts';
import { eventually } from './eventually.ts';
import { type Host, upHost } from './host.ts';

const GUEST = '203.0.113.7';
const GUEST6 = '2001:db8:113::7';
/** The gateway on the host; coturn is far away. */
const GATEWAY = '203.0.113.1';
const GATEWAY6 = '2001:db8:113::1';
const COTURN = '192.0.2.10';
const COTURN6 = '2001:db8:beef::10';

let host: Host;

/** Debian's node reads no TypeScript. */
async function bundled(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('stun-driver.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    target: 'node18.19',
    write: false,
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

beforeAll(async () => {
  host = await upHost('forky', 'netmaker-stun', {
    binds: { '/tmp/deb': dirname(inject('deb')) },
  });
  await host.exec(['sh', '-c', 'cat >/tmp/driver.cjs'], { input: await bundled() });
  // The namespace `guest` stands for a container: ovs0 with the leased addresses, eth0 in a network that is masqueraded.
  await host.sh(`
    dpkg-deb --fsys-tarfile /tmp/deb/*.deb | tar -x -C / ./usr/lib/ovs-port-agent
    internet up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip netns add guest; ip -n guest link set lo up
    ip link add pub0 type veth peer name ovs0 netns guest
    ip link add dock0 type veth peer name eth0 netns guest
    nmcli device set pub0 managed no; nmcli device set dock0 managed no
    ip address add ${GATEWAY}/24 dev pub0; ip address add ${GATEWAY6}/64 dev pub0 nodad; ip link set pub0 up
    ip -n guest address add ${GUEST}/24 dev ovs0; ip -n guest address add ${GUEST6}/64 dev ovs0 nodad
    ip -n guest link set ovs0 up
    ip -n guest route add default via ${GATEWAY}; ip -n guest -6 route add default via ${GATEWAY6}
    ip address add 172.31.0.1/24 dev dock0; ip link set dock0 up
    ip -n guest address add 172.31.0.2/24 dev eth0; ip -n guest link set eth0 up
    nft add table ip dock
    nft 'add chain ip dock post { type nat hook postrouting priority srcnat; }'
    nft add rule ip dock post ip saddr 172.31.0.0/24 oifname uplink0 masquerade
    systemd-run -q --unit guest ip netns exec guest sleep infinity
    systemd-run -q --unit far-stun -E PATH="$PATH" ip netns exec remote \
      /src/test/lab/host/stun-server ${COTURN} 192.0.2.11 ${COTURN6}
    systemd-run -q --unit near-stun node /tmp/driver.cjs respond 3478 8090 ${GATEWAY} ${GATEWAY6}`);
  await eventually(
    () => host.sh('ip netns exec remote ss -lnuH; ss -lnuH'),
    (listening) => {
      for (const address of [COTURN, `[${COTURN6}]`, GATEWAY, `[${GATEWAY6}]`]) {
        expect(listening).toContain(`${address}:3478`);
      }
    },
  );
});

afterAll(() => host?.down());

async function attested(servers: string, ...addresses: string[]): Promise<Attestation[]> {
  const pid = (await host.sh('systemctl show --property MainPID --value guest')).trim();
  return JSON.parse(await host.sh(`node /tmp/driver.cjs attest ${pid} '${servers}' ${addresses.join(' ')}`));
}

/** Runs `during` with these commands done, and has them undone after. */
async function having<T>(done: string, undone: string, during: () => Promise<T>): Promise<T> {
  await host.sh(done);
  try {
    return await during();
  } finally {
    await host.sh(undone);
  }
}

const masquerading = <T>(during: () => Promise<T>) =>
  having(
    `nft add table ip lab; nft 'add chain ip lab post { type nat hook postrouting priority srcnat; }'
     nft add rule ip lab post ip saddr 203.0.113.0/24 oifname uplink0 masquerade`,
    'nft delete table ip lab',
    during,
  );

describe('a container with an address of its own', () => {
  it('is public to coturn, in both families', async () => {
    expect(await attested(`${COTURN},[${COTURN6}]:3478`, GUEST, GUEST6)).toMatchObject([
      { verdict: 'public', mapped: GUEST, local: GUEST, server: `${COTURN}:3478` },
      { verdict: 'public', mapped: GUEST6, local: GUEST6, server: `[${COTURN6}]:3478` },
    ]);
    const { stdout } = await host.exec(['ip', 'netns', 'exec', 'guest', 'stun', COTURN]);
    expect(stdout).toContain('Primary: Open');
  });

  it('is public to our responder, which says how little that proves', async () => {
    const told = await attested(`${GATEWAY},[${GATEWAY6}]`, GUEST, GUEST6);
    expect(told.map(({ verdict }) => verdict)).toEqual(['public', 'public']);
    for (const { reason } of told) expect(reason).toContain('the server is on this host');
  });

  it('is not proven to be public when it answers itself in the name of the server', async () => {
    const [told] = await having(
      `ip -n guest address add ${COTURN}/32 dev lo
       ip -n guest route replace local ${COTURN} dev lo src ${GUEST} table local
       systemd-run -q --unit forger ip netns exec guest node /tmp/driver.cjs respond 3478 8090 ${COTURN}
       timeout 20 sh -c 'until ip netns exec guest ss -lnuH | grep -q ${COTURN}:3478; do sleep 0.1; done'`,
      `systemctl stop forger; ip -n guest address del ${COTURN}/32 dev lo
       ip -n guest route del local ${COTURN} dev lo table local 2>/dev/null || true`,
      () => attested(COTURN, GUEST),
    );
    expect(told).toMatchObject({ verdict: 'unproven', mapped: GUEST, local: GUEST });
    expect(told?.reason).toContain('no such question has passed this host');
    expect(await host.sh('nft list tables')).not.toContain('attest');
  });

  it('is behind NAT as soon as the host masquerades it', async () => {
    const [told] = await masquerading(() => attested(COTURN, GUEST));
    expect(told).toMatchObject({ verdict: 'behind_nat', local: GUEST, mapped: '198.51.100.2' });
    expect(told?.reason).toContain('NAT on the way');
    const stun = await masquerading(() => host.exec(['ip', 'netns', 'exec', 'guest', 'stun', COTURN]));
    expect(stun.stdout).toContain('Independent Mapping');
  });

  it('is behind NAT when it sends through Docker’s network, and is told that it does', async () => {
    const [told] = await having(
      'ip -n guest route replace default via 172.31.0.1',
      `ip -n guest route replace default via ${GATEWAY}`,
      () => attested(COTURN, GUEST),
    );
    expect(told).toMatchObject({ verdict: 'behind_nat', local: '172.31.0.2', mapped: '198.51.100.2' });
    expect(told?.reason).toContain('another interface');
  });

  it.each([
    [
      'no default route',
      'ip -n guest route del default',
      `ip -n guest route add default via ${GATEWAY}`,
      'no default route',
    ],
    [
      'its way back cut',
      'ip -n isp route del 203.0.113.0/24',
      'ip -n isp route add 203.0.113.0/24 via 198.51.100.2',
      'nothing leads back',
    ],
    [
      'no server to answer',
      'systemctl kill -s STOP far-stun',
      'systemctl kill -s CONT far-stun',
      'no answer',
    ],
  ])('with %s is unreachable, and told so', async (_what, done, undone, reason) => {
    const [told] = await having(done, undone, () => attested(COTURN, GUEST));
    expect(told).toMatchObject({ verdict: 'unreachable', mapped: null });
    expect(told?.reason).toContain(reason);
  });

  it('that ended is no reason to fail', async () => {
    const told = JSON.parse(await host.sh(`node /tmp/driver.cjs attest 4194303 ${COTURN} ${GUEST}`));
    expect(told).toMatchObject([{ verdict: 'unreachable' }]);
    expect(told[0].reason).toContain('/proc/4194303/ns/net');
  });
});

describe('our responder', () => {
  it('tells an RFC 3489 client its address', async () => {
    const { stdout, stderr } = await host.exec(['ip', 'netns', 'exec', 'guest', 'stun', GATEWAY, '1', '-v']);
    expect(`${stdout}${stderr}`).toMatch(/mappedAddr=203\.0\.113\.7:\d+/);
  });

  it.each([
    [GATEWAY, GUEST],
    [GATEWAY6, GUEST6],
  ])('at %s tells coturn’s client its address', async (server, address) => {
    const { stdout } = await host.exec(['ip', 'netns', 'exec', 'guest', 'turnutils_stunclient', server]);
    expect(stdout).toContain(`UDP reflexive addr: ${address}:`);
  });

  it('tells a peer from outside its address, through the host', async () => {
    const { stdout } = await host.exec(['ip', 'netns', 'exec', 'remote', 'turnutils_stunclient', GATEWAY]);
    expect(stdout).toContain('UDP reflexive addr: 192.0.2.10:');
  });

  it('tells curl its address at /ip', async () => {
    const curl = 'ip netns exec guest curl -sS --max-time 5';
    expect(await host.sh(`${curl} http://${GATEWAY}:8090/ip`)).toBe(GUEST);
    expect(await host.sh(`${curl} 'http://[${GATEWAY6}]:8090/'`)).toBe(GUEST6);
  });
});
