// Reads all WireGuard interfaces of a container, given a process in it.

import { readlink } from 'node:fs/promises';
import type { Exec } from '../../core/lib/exec.ts';
import type { MeshInterfaces } from './interface.ts';
import { readKernel } from './kernel-wireguard.ts';
import { readUserspace } from './uapi-socket.ts';

/** By process id; sorted by interface. Undefined: the process is gone, or is another one by now. */
export type ReadWireGuard = (pid: number) => Promise<MeshInterfaces | undefined>;

/**
 * A process in the host's own network namespace is not one of a container that we attached. An interface
 * that is in the kernel is the kernel's, whatever socket bears its name.
 * Throws `wireguard-unreadable` or `deadline-exceeded`; no secret key is ever part of result or error.
 */
export function openWireGuardReader(exec: Exec, nowMs: () => number = Date.now): ReadWireGuard {
  return async (pid) => {
    const [theirs, ours] = await Promise.all([namespaceOf(String(pid)), namespaceOf('self')]);
    if (theirs === undefined || theirs === ours) return undefined;
    const root = { path: `/proc/${pid}/root`, mountinfo: `/proc/${pid}/mountinfo` };
    const [kernel, userspace] = await Promise.all([readKernel(exec, pid), readUserspace(root, nowMs())]);
    if ((await namespaceOf(String(pid))) !== theirs) return undefined;
    const names = new Set(kernel.interfaces.map((entry) => entry.interface));
    const others = userspace.interfaces.filter((entry) => !names.has(entry.interface));
    return {
      interfaces: [...kernel.interfaces, ...others].sort((a, b) => (a.interface < b.interface ? -1 : 1)),
      leftOut: kernel.leftOut + userspace.leftOut,
    };
  };
}

const namespaceOf = (process: string) => readlink(`/proc/${process}/ns/net`).catch(() => undefined);
