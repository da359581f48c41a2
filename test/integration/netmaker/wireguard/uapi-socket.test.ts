// Reading userspace WireGuards through a file system that somebody else controls.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openInside } from '../../../../src/core/kernel/inside-root.ts';
import { readUserspace } from '../../../../src/netmaker/wireguard/uapi-socket.ts';

const NOW = 1_795_448_000_000;
const SECRET = '77'.repeat(32);
const ANSWER = `private_key=${SECRET}\nlisten_port=51821\npublic_key=${'33'.repeat(32)}\nerrno=0\n\n`;

let base: string;
let root: string;
let servers: Server[];
let sockets: Set<Socket>;
/** Paths of the sockets that were connected to. */
let asked: string[];

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'opa-mesh-')));
  root = join(base, 'root');
  await mkdir(join(root, 'var/run/wireguard'), { recursive: true });
  servers = [];
  sockets = new Set();
  asked = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  await rm(base, { recursive: true });
});

/** A socket at this path below `base`; `talk` does what its owner would. */
async function listen(path: string, talk: (socket: Socket) => void = (socket) => socket.write(ANSWER)) {
  const server = createServer((socket) => {
    asked.push(path);
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => talk(socket));
  });
  servers.push(server);
  server.listen(join(base, path));
  await once(server, 'listening');
}

const read = () => readUserspace({ path: root, mountinfo: '/proc/self/mountinfo' }, NOW);
const inside = (path: string) => join(root, path);
const NONE = { interfaces: [], leftOut: 0 };
const names = async () => (await read()).interfaces.map((entry) => entry.interface);

/** Descriptors of ours that are open on something below `base`. */
async function held(): Promise<string[]> {
  const fds = await readdir('/proc/self/fd');
  const targets = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(base));
}

describe("a container's userspace WireGuard", () => {
  it('is read through its socket, and the secret key stays in there', async () => {
    await listen('root/var/run/wireguard/netmaker.sock', (socket) => {
      // In pieces, as a stream may come.
      socket.write(ANSWER.slice(0, 40));
      setImmediate(() => socket.write(ANSWER.slice(40)));
    });
    const { interfaces: all } = await read();
    expect(all).toMatchObject([
      { interface: 'netmaker', source: 'userspace', listenPort: 51821, peers: [{}] },
    ]);
    expect(JSON.stringify(all)).not.toContain(SECRET);
    expect(await held()).toEqual([]);
  });

  it("is found where /var/run is Debian's absolute link to /run", async () => {
    await rm(inside('var/run'), { recursive: true });
    await mkdir(inside('run/wireguard'), { recursive: true });
    await symlink('/run', inside('var/run'));
    await listen('root/run/wireguard/wg0.sock');
    expect(await names()).toEqual(['wg0']);
  });

  it('is found through relative links, too', async () => {
    await listen('root/var/run/wireguard/real');
    await symlink('real', inside('var/run/wireguard/wg0.sock'));
    expect(await names()).toEqual(['wg0']);
  });

  it('is found where /var/run is a link up and down again, as Alpine has it', async () => {
    await mkdir(inside('run/wireguard'), { recursive: true });
    await rm(inside('var/run'), { recursive: true });
    await symlink('../run', inside('var/run'));
    await listen('root/run/wireguard/wg0.sock');
    expect(await names()).toEqual(['wg0']);
  });

  it('that is not there is no error', async () => {
    expect(await read()).toEqual(NONE);
    await rm(inside('var'), { recursive: true });
    expect(await read()).toEqual(NONE);
    await writeFile(inside('var'), '');
    expect(await read()).toEqual(NONE);
  });

  it('that was killed and left its socket is not there', async () => {
    const path = inside('var/run/wireguard/wg0.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script], { stdio: 'ignore' }), 'exit');
    expect(await readdir(inside('var/run/wireguard'))).toEqual(['wg0.sock']);
    expect(await read()).toEqual(NONE);
  });
});

describe('a hostile container', () => {
  beforeEach(() => listen('host.sock'));

  it('leads nobody out of its root by an absolute link', async () => {
    await rm(inside('var/run/wireguard'), { recursive: true });
    await mkdir(join(base, 'outside'));
    await listen('outside/wg1.sock');
    await symlink(join(base, 'outside'), inside('var/run/wireguard'));
    expect(await read()).toEqual(NONE);
    expect(asked).toEqual([]);
  });

  it('leads nobody out of its root by an absolute link for a socket', async () => {
    await symlink(join(base, 'host.sock'), inside('var/run/wireguard/wg0.sock'));
    expect(await read()).toEqual(NONE);
    expect(asked).toEqual([]);
  });

  it.each([['../../../../host.sock'], ['../wireguard/../../../../host.sock']])(
    'leads nobody up by %s',
    async (target) => {
      await symlink(target, inside('var/run/wireguard/wg0.sock'));
      expect(await read()).toEqual(NONE);
      expect(asked).toEqual([]);
      expect(await held()).toEqual([]);
    },
  );

  it('leads nobody through the magic links of a proc that it has', async () => {
    const proc = inside('proc/1');
    await mkdir(proc, { recursive: true });
    await symlink(`/proc/${process.pid}/root${base}`, join(proc, 'cwd'));
    await symlink('/proc/1/cwd/host.sock', inside('var/run/wireguard/wg0.sock'));
    expect(await read()).toEqual(NONE);
    expect(asked).toEqual([]);
  });

  it('cannot lead in circles', async () => {
    await symlink('wg1.sock', inside('var/run/wireguard/wg0.sock'));
    await symlink('wg0.sock', inside('var/run/wireguard/wg1.sock'));
    await expect(read()).rejects.toMatchObject({
      message: expect.stringContaining('too many symbolic links'),
    });
    expect(await held()).toEqual([]);
  });

  it('cannot send us along an endless path', async () => {
    const deep = 'd/'.repeat(60);
    await mkdir(inside(`var/run/wireguard/${deep}`), { recursive: true });
    await symlink(deep, inside('var/run/wireguard/wg0.sock'));
    await expect(read()).rejects.toMatchObject({ message: expect.stringContaining('too many names') });
    expect(await held()).toEqual([]);
  });

  it('cannot give us a file, a directory or a strange name for a socket', async () => {
    await writeFile(inside('var/run/wireguard/wg0.sock'), ANSWER);
    await mkdir(inside('var/run/wireguard/wg1.sock'));
    await listen('root/var/run/wireguard/-rf.sock');
    await listen('root/var/run/wireguard/a name.sock');
    await listen('root/var/run/wireguard/\u001b[2J.sock');
    await listen('root/var/run/wireguard/sixteen-letters1.sock');
    expect(await read()).toEqual(NONE);
    expect(asked).toEqual([]);
  });

  it('that never answers costs one second', async () => {
    await listen('root/var/run/wireguard/wg0.sock', () => undefined);
    await expect(read()).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await expect.poll(held).toEqual([]);
  });

  it('that breaks one connection and holds another costs one second, and none stays open', async () => {
    await listen('root/var/run/wireguard/wg0.sock', (socket) => void socket.end());
    await listen('root/var/run/wireguard/wg1.sock', () => undefined);
    await expect(read()).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await expect.poll(() => [...sockets].filter((socket) => !socket.destroyed)).toEqual([]);
  });

  it('that answers without end is cut off', async () => {
    await listen('root/var/run/wireguard/wg0.sock', (socket) => {
      const line = `public_key=${SECRET}\n`.repeat(1000);
      const pour = () => {
        while (socket.writable && socket.write(line));
      };
      socket.on('drain', pour);
      pour();
    });
    await expect(read()).rejects.toMatchObject({ message: expect.stringContaining('too long') });
    await expect.poll(held).toEqual([]);
  });

  it.each([
    ['hangs up at once', (socket: Socket) => void socket.end()],
    ['stops in the middle', (socket: Socket) => void socket.end(ANSWER.slice(0, 90))],
    ['answers something else', (socket: Socket) => void socket.end(`errno=${SECRET}\n\n`)],
  ])('that %s is an error without any secret in it', async (_what, talk) => {
    await listen('root/var/run/wireguard/wg0.sock', talk);
    const error: unknown = await read().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'wireguard-unreadable' });
    expect(inspect(error, { depth: null })).not.toContain(SECRET.slice(0, 16));
  });

  it('with a thousand sockets is asked for sixteen', async () => {
    await Promise.all(
      Array.from({ length: 1000 }, (_, n) => symlink('real', inside(`var/run/wireguard/wg${n}.sock`))),
    );
    await listen('root/var/run/wireguard/real');
    const { interfaces, leftOut } = await read();
    expect(interfaces.length).toBeLessThanOrEqual(16);
    expect(leftOut).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(16);
  });

  it('that exchanges directory and link all the time never gets us out', async () => {
    await mkdir(join(base, 'outside'));
    await listen('outside/wg0.sock');
    await listen('root/var/run/wireguard/wg0.sock');
    await symlink(join(base, 'outside'), inside('var/run/trap'));
    let stop = false;
    const swap = (async () => {
      while (!stop) {
        await rename(inside('var/run/wireguard'), inside('var/run/aside'));
        await rename(inside('var/run/trap'), inside('var/run/wireguard'));
        await rename(inside('var/run/wireguard'), inside('var/run/trap'));
        await rename(inside('var/run/aside'), inside('var/run/wireguard'));
      }
    })();
    const answers: number[] = [];
    for (let look = 0; look < 200; look++) answers.push((await read().catch(() => NONE)).interfaces.length);
    stop = true;
    await swap;
    expect(asked).not.toContain('outside/wg0.sock');
    expect(answers).toContain(1);
    expect(await held()).toEqual([]);
  });
});

describe('a file system that may never answer', () => {
  it('is not entered: only those that are known to', async () => {
    const here = { path: '/', mountinfo: '/proc/self/mountinfo' };
    await expect(openInside(here, '/proc/self')).rejects.toMatchObject({
      code: 'wireguard-unreadable',
      message: expect.stringContaining('a file system of another kind'),
    });
  });
});
