// Which LXC containers have a command socket, by the kernel's list of unix sockets; pure.

import { join } from 'node:path';

/** A command socket, bound for as long as a container's monitor runs (lxc:src/lxc/commands.c). */
export interface CommandSocket {
  /** The kernel's number of it, as in `socket:[12345]` of a process that has it. */
  inode: string;
  /** LXC's directory of containers, such as `/var/lib/lxc`; undefined where LXC has put a hash in place of both. */
  lxcPath?: string;
  name?: string;
  /** 16 hexadecimal digits, when the name would not have fit. */
  hash?: string;
}

const SUFFIX = '/command';
/** Each line ends with the inode and, where there is one, the path; an abstract one begins with @. */
const LINE = /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ +(\d+) @(.+)$/;

/** @param text `/proc/net/unix` (proc(5)). Listening sockets only: an accepted connection has the same path. */
export function commandSockets(text: string): CommandSocket[] {
  const found = new Map<string, CommandSocket>();
  for (const line of text.split('\n')) {
    if (!line.endsWith(SUFFIX)) continue;
    const [, inode = '', path = ''] = LINE.exec(line) ?? [];
    // SO_ACCEPTCON, include/uapi/linux/net.h
    const isListening = (Number.parseInt(line.split(' ')[3] ?? '0', 16) & 0x10000) !== 0;
    if (path === '' || !isListening || found.has(path)) continue;
    const owner = path.slice(0, -SUFFIX.length);
    const hash = /^lxc\/([0-9a-f]{16})$/.exec(owner)?.[1];
    if (hash !== undefined) found.set(path, { inode, hash });
    else if (owner.startsWith('/')) {
      const at = owner.lastIndexOf('/');
      if (at > 0) found.set(path, { inode, lxcPath: owner.slice(0, at), name: owner.slice(at + 1) });
    }
  }
  return [...found.values()];
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** What LXC calls a container whose path and name together are too long for a socket's (lxc_make_abstract_socket_name). */
export function socketHash(lxcPath: string, name: string): string {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(join(lxcPath, name))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  return hash.toString(16).padStart(16, '0');
}

/** `lxc.lxcpath` of `/etc/lxc/lxc.conf` (lxc.system.conf(5)), the last that is an absolute path. */
export function lxcPathOf(text: string): string | undefined {
  const values = text.split('\n').map((line) => /^\s*lxc\.lxcpath\s*=\s*(\/\S.*?)\s*$/.exec(line)?.[1]);
  return values.findLast((value) => value !== undefined && !value.includes('\0'));
}
