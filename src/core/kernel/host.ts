// What identifies this host and this boot, from where the system says it.

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

export interface Host {
  hostname: string;
  /** Differs at each boot (proc(5), random/boot_id). */
  bootId: string;
  /** machine-id(5). */
  machineId: string;
}

export async function readHost(): Promise<Host> {
  const read = async (path: string) => (await readFile(path, 'utf8').catch(() => '')).trim();
  const [bootId, machineId] = await Promise.all([
    read('/proc/sys/kernel/random/boot_id'),
    read('/etc/machine-id'),
  ]);
  return {
    hostname: hostname(),
    bootId: bootId || randomUUID(),
    machineId: machineId || '00000000000000000000000000000000',
  };
}
