// The single-writer lock: a listening socket that the kernel silences when its process dies, however it dies.
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { AgentError, isErrno } from '../lib/errors.ts';

export type Lock = { release(): Promise<void> };

const TRIES = 10;
const NAME = /^lock\.(\d{1,15})$/;

/**
 * Takes the lock of `dir`. Throws `ledger-locked` while another living process has it. Does not keep the process alive.
 *
 * The holder listens on the socket `lock.<n>` with the greatest n. Whoever finds that one dead links his own, already listening,
 * socket to n + 1: link() either makes the name or says that it is there. The greatest name is never removed, also not on
 * release; so nobody can take away, or take anew, what somebody else has just taken.
 *
 * Not an abstract socket: libuv before 1.46 (Node 18.19 on Debian 12) binds every abstract name to the same 107 NUL bytes, any
 * local user could take the name first, and it would not hold across network namespaces. `dir` is ours alone (0700).
 */
export async function takeLock(dir: string): Promise<Lock> {
  const handle = await open(dir, 'r');
  const own = `start.${process.pid}.${randomBytes(4).toString('hex')}`;
  const server = await listen(reach(handle, own)).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  try {
    await claim(dir, handle, own);
    await rm(join(dir, own));
    return { release: () => release(server, handle) };
  } catch (error) {
    await release(server, handle);
    await rm(join(dir, own), { force: true });
    throw error;
  }
}

async function claim(dir: string, handle: FileHandle, own: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const last = (await generations(dir)).at(-1) ?? 0;
    if (last > 0 && (await isAlive(reach(handle, `lock.${last}`)))) break;
    if (!(await tryLink(join(dir, own), join(dir, `lock.${last + 1}`)))) continue;
    const all = await generations(dir);
    // Names that a later holder had removed can be made again by a slow starter; he then finds a greater one here.
    const isGreatest = all.at(-1) === last + 1;
    for (const old of isGreatest ? all.slice(0, -1) : [last + 1])
      await rm(join(dir, `lock.${old}`), { force: true });
    if (isGreatest) return;
  }
  throw new AgentError('ledger-locked', `Another process writes the ledger of ${dir}.`);
}

async function generations(dir: string): Promise<number[]> {
  const found = (await readdir(dir)).flatMap((name) => NAME.exec(name)?.[1] ?? []);
  return found.map(Number).sort((a, b) => a - b);
}

async function tryLink(own: string, name: string): Promise<boolean> {
  try {
    await link(own, name);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('connect', () => answer(true));
    // Anything but a plain "nobody listens" counts as alive: a full backlog, for one.
    socket.once('error', (error) => answer(!isErrno(error, 'ECONNREFUSED', 'ENOENT')));
  });
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => resolve(server));
    server.unref();
  });
}

async function release(server: Server, handle: FileHandle): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await handle.close();
}

// A socket address holds 107 bytes; through the open directory any path is short enough.
function reach(handle: FileHandle, name: string): string {
  return `/proc/self/fd/${handle.fd}/${name}`;
}
