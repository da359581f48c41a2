// The single-writer lock: a listening socket that the kernel silences when its process dies, however it dies.
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { AgentError, isErrno } from '../errors.ts';

export type Lock = { release(): Promise<void> };

const TRIES = 5;

/**
 * Takes `<dir>/lock`. Throws `ledger-locked` while another living process has it. Does not keep the process alive.
 *
 * Not an abstract socket: libuv before 1.46 (Node 18.19 on Debian 12) binds every abstract name to the same 107 NUL bytes, any local
 * user could take the name first, and it would not hold across network namespaces. `dir` is ours alone (0700).
 */
export async function takeLock(dir: string): Promise<Lock> {
  const handle = await open(dir, 'r');
  const own = `lock.${process.pid}.${randomBytes(4).toString('hex')}`;
  const server = await listen(reach(handle, own));
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      if (await claim(join(dir, own), join(dir, 'lock'))) {
        await rm(join(dir, own));
        return { release: () => release(server, handle, join(dir, 'lock')) };
      }
      if (await isAlive(reach(handle, 'lock'))) throw locked(dir);
      await clearDead(dir, handle, own);
    }
    throw locked(dir);
  } catch (error) {
    await release(server, handle, join(dir, own));
    throw error;
  }
}

// link() either makes the name or says that it is there: the one atomic step of the whole affair.
async function claim(own: string, lock: string): Promise<boolean> {
  try {
    await link(own, lock);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

// Two starters may both find the same dead lock. The slower one must not throw away what the quicker one has just put there,
// so the name is moved aside first, asked again, and put back if it answers.
async function clearDead(dir: string, handle: FileHandle, own: string): Promise<void> {
  const aside = `${own}.dead`;
  try {
    await rename(join(dir, 'lock'), join(dir, aside));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  if (await isAlive(reach(handle, aside))) await claim(join(dir, aside), join(dir, 'lock'));
  await rm(join(dir, aside), { force: true });
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

async function release(server: Server, handle: FileHandle, name: string): Promise<void> {
  await rm(name, { force: true });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await handle.close();
}

// A socket address holds 107 bytes; through the open directory any path is short enough.
function reach(handle: FileHandle, name: string): string {
  return `/proc/self/fd/${handle.fd}/${name}`;
}

function locked(dir: string): AgentError {
  return new AgentError('ledger-locked', `Another process writes the ledger of ${dir}.`);
}
