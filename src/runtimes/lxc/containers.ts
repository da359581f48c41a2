// The plain LXC containers that run, by what the kernel shows of them: no hook has to have told anything.

import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { isErrno } from '../../core/lib/errors.ts';
import { namesIn } from '../../core/lib/names-in.ts';
import { readProc } from '../../core/lib/read-proc.ts';
import { type CommandSocket, commandSockets, lxcPathOf, socketHash } from '../lxc-sockets.ts';

export interface LxcContainer {
  name: string;
  /** LXC's directory of containers that it is in. */
  lxcPath: string;
  /** Tells one run of it from the next. */
  run: string;
  /** Its first process; undefined while it starts or ends. */
  init?: number;
}

export interface LxcContainers {
  /** Those of root. Throws when the kernel's list cannot be read. */
  running(): Promise<LxcContainer[]>;
  /** Names of containers whose monitor is another user's: nothing is done for them. */
  ofUsers(): string[];
  /** Names of all that there are in root's directories, or undefined: it cannot be known. */
  names(): Promise<ReadonlySet<string> | undefined>;
}

export interface LxcPlaces {
  /** The directory of the configuration, `/var/lib/lxc`. */
  root: string;
  /** LXC's own configuration, which may name another one. */
  system?: string;
  proc?: string;
}

/** Who holds a command socket. */
interface Monitor {
  pid: number;
  uid: number;
  /** The container's first process; undefined while it starts or ends. */
  init?: number;
}

export function openLxcContainers({
  root,
  system = '/etc/lxc/lxc.conf',
  proc = '/proc',
}: LxcPlaces): LxcContainers {
  const monitors = new Map<string, Monitor>();
  let others: string[] = [];

  const directories = async () => {
    const text = await readFile(system, 'utf8').catch(() => '');
    return [...new Set([root, lxcPathOf(text) ?? root])];
  };

  const hashes = async () => {
    const named = new Map<string, { lxcPath: string; name: string }>();
    for (const lxcPath of await directories()) {
      for (const name of await readdir(lxcPath).catch((): string[] => [])) {
        named.set(socketHash(lxcPath, name), { lxcPath, name });
      }
    }
    return named;
  };

  const identify = async (sockets: readonly CommandSocket[]) => {
    const byHash = sockets.some(({ hash }) => hash !== undefined) ? await hashes() : undefined;
    return sockets.flatMap(({ inode, hash = '', lxcPath, name }) => {
      const found = name === undefined || lxcPath === undefined ? byHash?.get(hash) : { lxcPath, name };
      return found ? [{ inode, ...found }] : [];
    });
  };

  return {
    async running() {
      const sockets = await identify(commandSockets(await readProc(`${proc}/net/unix`)));
      const inodes = new Set(sockets.map(({ inode }) => inode));
      for (const inode of monitors.keys()) if (!inodes.has(inode)) monitors.delete(inode);
      for (const monitor of monitors.values()) Object.assign(monitor, { init: initOf(proc, monitor.pid) });
      const unknown = new Set([...inodes].filter((inode) => monitors.get(inode)?.init === undefined));
      if (unknown.size > 0)
        for (const [inode, found] of monitorsOf(proc, unknown)) monitors.set(inode, found);
      const isRoots = ({ inode }: { inode: string }) => monitors.get(inode)?.uid === 0;
      others = sockets.filter((one) => monitors.has(one.inode) && !isRoots(one)).map(({ name }) => name);
      return sockets.filter(isRoots).map(({ inode, name, lxcPath }) => {
        const init = monitors.get(inode)?.init;
        return { name, lxcPath, run: inode, ...(init !== undefined && { init }) };
      });
    },
    ofUsers: () => others,
    async names() {
      const found = new Set<string>();
      for (const lxcPath of await directories()) {
        try {
          for (const name of await readdir(lxcPath)) found.add(name);
        } catch (error) {
          // Not mounted now, or hidden: that there are none may not be concluded.
          if (lxcPath === root || !isErrno(error, 'ENOENT')) return undefined;
        }
      }
      return found;
    },
  };
}

/**
 * Who has these sockets: names of abstract sockets are anybody's to take, so a monitor is known by its process. One look
 * through all processes' descriptors finds any number of them. `lxc-start` opens the socket before it forks the monitor
 * and holds it until the container runs (lxc_init_handler in LXC 5 to 7), so of several the one with a container is it.
 */
function monitorsOf(proc: string, inodes: ReadonlySet<string>): Map<string, Monitor> {
  const found = new Map<string, Monitor>();
  for (const pid of namesIn(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    for (const descriptor of namesIn(`${proc}/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(target(`${proc}/${pid}/fd/${descriptor}`) ?? '')?.[1];
      if (inode === undefined || !inodes.has(inode) || found.get(inode)?.init !== undefined) continue;
      const init = initOf(proc, pid);
      found.set(inode, { pid, uid: ownerOf(`${proc}/${pid}`), ...(init !== undefined && { init }) });
    }
  }
  return found;
}

/** The monitor's child in a PID namespace of its own; its hooks have none. */
function initOf(proc: string, monitor: number): number | undefined {
  const own = target(`${proc}/${monitor}/ns/pid`);
  const children = namesIn(`${proc}/${monitor}/task`).flatMap((task) =>
    text(`${proc}/${monitor}/task/${task}/children`).split(' ').filter(Boolean),
  );
  const init = children.find((pid) => {
    const theirs = target(`${proc}/${pid}/ns/pid`);
    return theirs !== undefined && theirs !== own;
  });
  return init === undefined ? undefined : Number(init);
}

function target(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function ownerOf(directory: string): number {
  try {
    return statSync(directory).uid;
  } catch {
    return -1;
  }
}
