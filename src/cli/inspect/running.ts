// Whether a guest runs, by what its runtime itself leaves behind.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestRuntime } from '../../core/guest/guest.ts';
import { answered } from '../../diagnose/doctor/finding.ts';
import { commandSockets, socketHash } from '../../runtimes/lxc/sockets.ts';
import { dockerRuns } from './docker.ts';

/** Where Proxmox has its containers. */
const LXC_ROOT = '/var/lib/lxc';

export interface GuestToAsk {
  runtime: GuestRuntime;
  vmid: number;
  name: string;
  /** Docker's 64 digits. */
  id?: string;
}

/** Undefined: it cannot be known, as for a device that was attached by hand. */
export async function guestRuns(
  guest: GuestToAsk,
  { dockerSocket, lxcRoot }: { dockerSocket: string; lxcRoot: string },
): Promise<boolean | undefined> {
  switch (guest.runtime) {
    case 'proxmox-qemu':
      return vmRuns(guest.vmid);
    case 'proxmox-lxc':
      return containerRuns(String(guest.vmid), LXC_ROOT);
    case 'lxc':
      return containerRuns(guest.name, lxcRoot);
    case 'docker':
      return answered(await dockerRuns(dockerSocket, guest.id ?? guest.name));
    case 'manual':
      return undefined;
  }
}

/** The pid file counts only if that process was started with it (PVE::QemuServer::Helpers, vm_running_locally). */
async function vmRuns(vmid: number): Promise<boolean> {
  const pidFile = `/var/run/qemu-server/${vmid}.pid`;
  try {
    const pid = Number(await readFile(pidFile, 'utf8'));
    if (!Number.isInteger(pid) || pid <= 0) return false;
    return (await readFile(join('/proc', String(pid), 'cmdline'), 'utf8')).split('\0').includes(pidFile);
  } catch {
    return false;
  }
}

/** Its command socket is bound as long as its monitor runs (PVE::LXC, list_active_containers). */
async function containerRuns(name: string, lxcRoot: string): Promise<boolean | undefined> {
  try {
    const sockets = commandSockets(await readFile('/proc/net/unix', 'utf8'));
    return sockets.some((one) => one.name === name || one.hash === socketHash(lxcRoot, name));
  } catch {
    return undefined;
  }
}
