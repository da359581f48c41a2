// Whether a Proxmox guest runs, by what Proxmox itself leaves behind.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readProc } from '../../core/lib/read-proc.ts';
import type { GuestToAsk } from '../diagnosis.ts';
import { containerRuns } from '../lxc-runs.ts';

/** Where Proxmox has its containers. */
const LXC_ROOT = '/var/lib/lxc';

/** Undefined: it cannot be known. */
export async function proxmoxRuns({ runtime, vmid }: GuestToAsk): Promise<boolean | undefined> {
  return runtime === 'proxmox-lxc' ? containerRuns(String(vmid), LXC_ROOT) : vmRuns(vmid);
}

/** The pid file counts only if that process was started with it (PVE::QemuServer::Helpers, vm_running_locally). */
async function vmRuns(vmid: number): Promise<boolean> {
  const pidFile = `/var/run/qemu-server/${vmid}.pid`;
  try {
    const pid = Number(await readFile(pidFile, 'utf8'));
    if (!Number.isInteger(pid) || pid <= 0) return false;
    return (await readProc(join('/proc', String(pid), 'cmdline'))).split('\0').includes(pidFile);
  } catch {
    return false;
  }
}
