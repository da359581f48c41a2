// Opens what a path means inside a container, whose file system is under its own control, and never anything outside.

import { constants } from 'node:fs';
import { type FileHandle, open, readFile, readlink } from 'node:fs/promises';
import { AgentError } from '../lib/errors.ts';

/** Linux include/uapi/asm-generic/fcntl.h; Node has no name for it. */
const O_PATH = 0o10000000;

const LINKS_MAX = 8;
const STEPS_MAX = 32;
/** A container may have 100000 mounts (fs.mount-max); what it needs is among the first. */
const MOUNTINFO_MAX = 256 * 1024;

/** Other file systems (FUSE, NFS …) answer when somebody wants them to, and a thread of ours would wait in there. */
const PROMPT_FILE_SYSTEMS: ReadonlySet<string> = new Set(
  'tmpfs ramfs overlay aufs ext2 ext3 ext4 xfs btrfs zfs f2fs bcachefs'.split(' '),
);

export interface Root {
  /** Directory that is the container's `/`, such as `/proc/PID/root`. */
  path: string;
  /** `/proc/PID/mountinfo`. */
  mountinfo: string;
}

/** A path that works as long as the handle is open and names exactly what it holds. */
export function pathOf(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

/**
 * An O_PATH handle of what the absolute `path` means in there, to be closed by the caller. Symbolic links are read
 * and followed by us, name by name, from handles that we hold: an absolute one begins at the container's root, one
 * that is exchanged meanwhile leads to another place in the container, and `..` back the way we came, not out of it.
 * Throws `wireguard-unreadable`, or the system's error (`ENOENT`).
 */
export async function openInside(root: Root, path: string): Promise<FileHandle> {
  const held: FileHandle[] = [];
  const hold = async (name: string, flag: number) => {
    const handle = await open(name, O_PATH | flag);
    held.push(handle);
    return handle;
  };
  let found: FileHandle | undefined;
  try {
    const top = await hold(root.path, constants.O_DIRECTORY);
    const trusted = await mountOf(top);
    /** The directories from the root to where we are: `..` goes back to one that is held, never by the file system. */
    let way = [top];
    let at = top;
    let names = namesOf(path);
    let links = 0;
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (name === '..') {
        if (way.length > 1) way.pop();
        at = way.at(-1) ?? top;
        continue;
      }
      if (held.length > STEPS_MAX) throw refused('too many names');
      const next = await hold(`${pathOf(at)}/${name}`, constants.O_NOFOLLOW);
      await refuseForeignMount(next, trusted, root);
      if (!(await next.stat()).isSymbolicLink()) {
        at = next;
        way.push(next);
        continue;
      }
      links += 1;
      if (links > LINKS_MAX) throw refused('too many symbolic links');
      const target = await readlink(`${pathOf(at)}/${name}`);
      names = [...namesOf(target), ...names];
      if (target.startsWith('/')) {
        way = [top];
        at = top;
      }
    }
    found = at;
    return at;
  } finally {
    await Promise.all(held.map((handle) => (handle === found ? undefined : handle.close())));
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Only the kernel is asked, not the file system: that may be one that never answers. */
async function refuseForeignMount(handle: FileHandle, trusted: string, root: Root): Promise<void> {
  const mount = await mountOf(handle);
  if (mount === trusted) return;
  const type = await fileSystemOf(mount, root.mountinfo);
  if (type === undefined || !PROMPT_FILE_SYSTEMS.has(type)) throw refused('a file system of another kind');
}

async function mountOf(handle: FileHandle): Promise<string> {
  const info = await readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8');
  const id = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
  if (id === undefined) throw refused('a mount without number');
  return id;
}

/** proc(5), mountinfo: the mount's number first, the type behind the lone `-`; spaces in names are escaped. */
async function fileSystemOf(mount: string, mountinfo: string): Promise<string | undefined> {
  const file = await open(mountinfo, 'r');
  try {
    const text: string[] = [];
    let size = 0;
    for await (const chunk of file.createReadStream({
      encoding: 'utf8',
      end: MOUNTINFO_MAX,
      autoClose: false,
    })) {
      text.push(chunk);
      size += chunk.length;
      if (size > MOUNTINFO_MAX) break;
    }
    const line = text
      .join('')
      .split('\n')
      .find((entry) => entry.startsWith(`${mount} `));
    return line?.split(' - ')[1]?.split(' ')[0];
  } finally {
    await file.close();
  }
}

function refused(what: string): AgentError {
  return new AgentError('wireguard-unreadable', `The way to a container's WireGuard has ${what} in it`);
}
