// Asks the userspace WireGuard interfaces of a container, through the sockets in its file system.

import { setMaxListeners } from 'node:events';
import { type FileHandle, opendir } from 'node:fs/promises';
import { connect } from 'node:net';
import { openInside, pathOf, type Root } from '../../core/kernel/inside-root.ts';
import { withDeadline } from '../../core/lib/deadline.ts';
import { AgentError, asAgentError, isErrno } from '../../core/lib/errors.ts';
import { INTERFACES_MAX, interfaceNameSchema, type MeshInterface, type MeshInterfaces } from './interface.ts';
import { parseUapi, UAPI_GET } from './uapi.ts';

/** https://www.wireguard.com/xplatform/, "Interface". */
const DIRECTORY = '/var/run/wireguard';
const ENTRIES_MAX = 256;
/** Some 600 peers. */
const ANSWER_MAX = 256 * 1024;
const DEADLINE_MS = 1000;

/**
 * Empty where no userspace WireGuard runs. `nowMs` since the epoch. Throws `wireguard-unreadable` and
 * `deadline-exceeded` (after 1 s); neither holds what the container said.
 */
export async function readUserspace(root: Root, nowMs: number): Promise<MeshInterfaces> {
  try {
    return await withDeadline(DEADLINE_MS, 'Reading a userspace WireGuard', async (signal) => {
      const all = await socketsIn(root);
      const names = all.slice(0, INTERFACES_MAX);
      setMaxListeners(INTERFACES_MAX, signal);
      // All of them to their end: a socket that is left behind would stay open.
      const read = await Promise.allSettled(names.map((name) => readInterface(root, name, nowMs, signal)));
      const failed = read.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      const interfaces = read
        .map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined))
        .filter((entry) => entry !== undefined);
      return { interfaces, leftOut: all.length - names.length };
    });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { interfaces: [], leftOut: 0 };
    throw asAgentError(error, 'wireguard-unreadable', "A container's userspace WireGuard cannot be read");
  }
}

/** Names of the interfaces that have a socket, in order. */
async function socketsIn(root: Root): Promise<string[]> {
  const handle = await openInside(root, DIRECTORY);
  try {
    const names: string[] = [];
    const directory = await opendir(pathOf(handle));
    let seen = 0;
    for await (const { name } of directory) {
      const link = name.endsWith('.sock') ? name.slice(0, -'.sock'.length) : '';
      if (interfaceNameSchema.safeParse(link).success) names.push(link);
      seen += 1;
      if (seen === ENTRIES_MAX) break;
    }
    return names.sort();
  } finally {
    await handle.close();
  }
}

async function readInterface(
  root: Root,
  name: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<MeshInterface | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await openInside(root, `${DIRECTORY}/${name}.sock`);
    if (!(await handle.stat()).isSocket()) return undefined;
    const text = await ask(pathOf(handle), signal);
    return { interface: name, source: 'userspace', ...parseUapi(text, Math.floor(nowMs / 1000)) };
  } catch (error) {
    // A WireGuard that was killed leaves its socket; one that ends takes it away.
    if (isErrno(error, 'ENOENT', 'ECONNREFUSED')) return undefined;
    throw error;
  } finally {
    await handle?.close();
  }
}

/** The answer up to its empty line. What has been read is wiped: the private key is in it. */
function ask(path: string, signal: AbortSignal): Promise<string> {
  const answer = Buffer.alloc(ANSWER_MAX);
  let length = 0;
  return new Promise<string>((resolve, reject) => {
    const socket = connect({ path });
    const stop = () => socket.destroy(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    socket.on('connect', () => socket.write(UAPI_GET));
    socket.on('data', (chunk) => {
      if (length + chunk.length > ANSWER_MAX) return socket.destroy(refused('too long'));
      length += chunk.copy(answer, length);
      chunk.fill(0);
      if (answer.subarray(0, length).subarray(-2).toString() !== '\n\n') return;
      resolve(answer.toString('utf8', 0, length));
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      signal.removeEventListener('abort', stop);
      reject(refused('cut off'));
    });
  }).finally(() => answer.fill(0, 0, length));
}

function refused(how: string): AgentError {
  return new AgentError('wireguard-unreadable', `The answer of a userspace WireGuard was ${how}`);
}
