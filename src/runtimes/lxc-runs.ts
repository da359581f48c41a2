// Whether an LXC container runs, plain LXC's or Proxmox's, by the kernel's list of unix sockets.

import { readFile } from 'node:fs/promises';
import { commandSockets, socketHash } from './lxc-sockets.ts';

/**
 * Its command socket is bound as long as its monitor runs (PVE::LXC, list_active_containers). Undefined when the list
 * cannot be read.
 */
export async function containerRuns(name: string, lxcRoot: string): Promise<boolean | undefined> {
  try {
    const sockets = commandSockets(await readFile('/proc/net/unix', 'utf8'));
    return sockets.some((one) => one.name === name || one.hash === socketHash(lxcRoot, name));
  } catch {
    return undefined;
  }
}
