// A real WireGuard tunnel between two containers, made by Debian's wireguard-go and wg, read from outside of them.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MeshSight, meshChanges } from '../../src/netmaker/wireguard/changes.ts';
import type { MeshInterface } from '../../src/netmaker/wireguard/interface.ts';
import { eventually } from './eventually.ts';
import { type Host, upHost } from './host.ts';

let host: Host;
let reader: string;

beforeAll(async () => {
  reader = await bundleReader();
  host = await upHost('forky', 'mesh');
  await host.sh(`docker-image >&2
    for name in mesh-a mesh-b; do
      docker run -d --name $name --device /dev/net/tun --cap-add NET_ADMIN \
        -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro opa-test
      # As Debian has it: an absolute link, which outside of the container means the host's own /run.
      docker exec $name sh -c 'mkdir -p /var /run && rm -rf /var/run && ln -s /run /var/run && /usr/bin/wireguard-go wg0'
    done >&2`);
  await host.sh(`
    address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
    for name in mesh-a mesh-b; do wg genkey >/tmp/$name; wg pubkey </tmp/$name >/tmp/$name.pub; done
    tunnel() { # NAME PEER OWN-ADDRESS PEER-ADDRESS
      docker exec -i "$1" sh -c 'cat >/tmp/key' </tmp/"$1"
      docker exec "$1" /usr/bin/wg set wg0 listen-port 51821 private-key /tmp/key \
        peer "$(cat /tmp/"$2".pub)" allowed-ips "$4/32" endpoint "$(address "$2"):51821"
      docker exec "$1" sh -c "ip address add $3/24 dev wg0 && ip link set wg0 up"
    }
    tunnel mesh-a mesh-b 10.77.0.1 10.77.0.2
    tunnel mesh-b mesh-a 10.77.0.2 10.77.0.1`);
});

afterAll(() => host?.down());

/** What the agent would read, in a process of its own on the host. */
async function read(name: string): Promise<MeshInterface[]> {
  const pid = await host.sh(`docker inspect -f '{{.State.Pid}}' ${name}`);
  const { stdout, stderr, exitCode } = await host.exec(['node', '-', pid.trim()], { input: reader });
  if (exitCode !== 0) throw new Error(stderr);
  for (const key of [await secret('mesh-a'), await secret('mesh-b')])
    expect(stdout + stderr).not.toContain(key);
  return JSON.parse(stdout) as MeshInterface[];
}

/** Debian's node reads no TypeScript. */
async function bundleReader(): Promise<string> {
  const contents = `
    import { exec } from './src/core/lib/exec.ts';
    import { openWireGuardReader } from './src/netmaker/wireguard/read-wireguard.ts';
    openWireGuardReader(exec)(Number(process.argv[2])).then((all) => console.log(JSON.stringify(all?.interfaces)));`;
  const resolveDir = fileURLToPath(new URL('../..', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents, resolveDir, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

const secret = async (name: string) => (await host.sh(`cat /tmp/${name}`)).trim();
const publicKey = async (name: string) => (await host.sh(`cat /tmp/${name}.pub`)).trim();
const addressOf = async (name: string) =>
  (
    await host.sh(`docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' ${name}`)
  ).trim();
const ping = () => host.sh('docker exec mesh-a ping -c 2 -w 10 10.77.0.2');
const sight = (wireguard: MeshInterface[], readAt = Date.now()): MeshSight => ({
  container: { container: 'mesh-a', id: 'a', pid: 1, port: 'vi1000000' },
  health: 'none',
  restarts: 0,
  startedAt: '',
  wireguard,
  readAt,
});

describe('a tunnel of wireguard-go', () => {
  it('that nobody used yet has a peer, and no handshake', async () => {
    const [own, ...others] = await read('mesh-a');
    expect(others).toEqual([]);
    expect(own).toMatchObject({ interface: 'wg0', source: 'userspace', listenPort: 51821 });
    expect(own?.peers).toMatchObject([
      { publicKey: await publicKey('mesh-b'), allowedIps: ['10.77.0.2/32'], lastHandshake: null, rx: 0 },
    ]);
  });

  it('in use has the handshake, endpoint and bytes that wg shows, from both ends', async () => {
    const before = await read('mesh-a');
    await ping();
    const after = await read('mesh-a');
    const [peer] = after[0]?.peers ?? [];
    expect(peer?.endpoint).toBe(`${await addressOf('mesh-b')}:51821`);
    expect(Math.abs(Date.now() / 1000 - (peer?.lastHandshake ?? 0))).toBeLessThan(60);
    const dump = await host.sh('docker exec mesh-a /usr/bin/wg show wg0 dump');
    const [, , endpoint, , handshake] = dump.trim().split('\n')[1]?.split('\t') ?? [];
    expect([endpoint, Number(handshake)]).toEqual([peer?.endpoint, peer?.lastHandshake]);
    expect(peer?.rx).toBeGreaterThanOrEqual(2 * 84);
    expect(peer?.tx).toBeGreaterThanOrEqual(2 * 84);
    expect((await read('mesh-b'))[0]?.peers).toMatchObject([{ publicKey: await publicKey('mesh-a') }]);
    expect(meshChanges(sight(before), sight(after)).map(({ action }) => action)).toEqual(['handshake_fresh']);
  });

  it('whose peer sends from another port has a changed endpoint', async () => {
    const before = await read('mesh-a');
    await host.sh('docker exec mesh-b /usr/bin/wg set wg0 listen-port 51900');
    const moved = `${await addressOf('mesh-b')}:51900`;
    const after = await eventually(
      async () => {
        await host.sh('docker exec mesh-b ping -c 1 -w 5 10.77.0.1');
        return read('mesh-a');
      },
      (seen) => expect(seen[0]?.peers[0]?.endpoint).toBe(moved),
      30_000,
    );
    expect(meshChanges(sight(before), sight(after))).toMatchObject([
      { action: 'endpoint_changed', data: { to: moved, port: 'vi1000000' } },
    ]);
  });

  it('without its peer is stale after 180 s', async () => {
    await host.sh('docker kill mesh-b');
    const now = await read('mesh-a');
    const later = sight(await read('mesh-a'), Date.now() + 181_000);
    expect(meshChanges(sight(now), later)).toMatchObject([{ action: 'handshake_stale' }]);
  });

  it('that was killed is gone, though its socket stays', async () => {
    await host.sh("docker exec mesh-a sh -c 'kill -9 $(pidof wireguard-go)'");
    await eventually(
      () => read('mesh-a'),
      (seen) => expect(seen).toEqual([]),
    );
    expect(await host.sh('docker exec mesh-a ls /run/wireguard')).toContain('wg0.sock');
  });
});

describe('a container that points at the host', () => {
  it("does not get anybody to talk to the host's sockets", async () => {
    // One that hears whatever connects; the name is one that the host's own /run has for a container that links there.
    await host.sh(`systemd-run --quiet --unit=heard --collect \
      sh -c 'mkdir -p /run/wireguard; exec socat UNIX-LISTEN:/run/wireguard/host0.sock,fork OPEN:/run/heard,creat,append'`);
    await eventually(
      () => host.sh('test -S /run/wireguard/host0.sock'),
      () => undefined,
    );
    await host.sh('docker exec mesh-a ln -s /run/wireguard/host0.sock /run/wireguard/host1.sock');
    expect(await read('mesh-a')).toEqual([]);
    await host.sh('docker exec mesh-a ln -s /proc/1/root/run/wireguard/host0.sock /run/wireguard/host2.sock');
    await expect(read('mesh-a')).rejects.toThrow('a file system of another kind');
    expect((await host.exec(['cat', '/run/heard'])).stdout).toBe('');
    // The same socket is heard when it is really spoken to.
    await host.sh('echo hello | socat - UNIX-CONNECT:/run/wireguard/host0.sock');
    expect(await host.sh('cat /run/heard')).toContain('hello');
  });
});
