// Whether an LXC container runs, plain LXC's or Proxmox's, by the kernel's list of unix sockets.

import { readProc } from '../core/lib/read-proc.ts';
import { commandSockets, socketHash } from './lxc-sockets.ts';

/**
 * Its command socket is bound as long as its monitor runs (PVE::LXC, list_active_containers). Undefined when the list
 * cannot be read.
 */
export async function containerRuns(name: string, lxcRoot: string): Promise<boolean | undefined> {
  try {
    const sockets = commandSockets(await readProc('/proc/net/unix'));
    return sockets.some((one) => one.name === name || one.hash === socketHash(lxcRoot, name));
  } catch {
    return undefined;
  }
}
