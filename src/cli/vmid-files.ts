// Reads what this host knows of VMIDs, and changes nothing of it.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../core/config/config.ts';
import { EMPTY_VMID_STATE, type VmidState, vmidStateSchema } from '../core/guest/vmid-allocation.ts';
import { isErrno } from '../core/lib/errors.ts';
import { readProxmoxTree } from '../runtimes/proxmox/config/tree.ts';
import { CliError } from './failure.ts';

const bindingSchema = z.looseObject({ guest: z.string(), vmid: z.number(), runtime: z.string() });

/** Which guest has a port now. */
export type PortHolder = z.infer<typeof bindingSchema>;

/** The allocations in `vmids.json`. The agent sets a damaged file aside; we only say so. */
export async function readVmidState(path: string): Promise<VmidState> {
  const text = await unlessMissing(readFile(path, 'utf8'), undefined);
  if (text === undefined) return EMPTY_VMID_STATE;
  const state = vmidStateSchema.safeParse(json(text));
  if (!state.success) {
    throw new CliError(
      `${path} is damaged. The agent sets it aside: systemctl restart ovs-port-agent.service`,
      1,
    );
  }
  return state.data;
}

/** The guests in the agent's binding files. One that is being replaced or is damaged is passed over. */
export async function readPortHolders(directory: string): Promise<PortHolder[]> {
  const holders: PortHolder[] = [];
  for (const file of await unlessMissing(readdir(directory), [])) {
    if (!file.endsWith('.json')) continue;
    const text = await unlessMissing(readFile(join(directory, file), 'utf8'), '');
    const binding = bindingSchema.safeParse(json(text));
    if (binding.success) holders.push(binding.data);
  }
  return holders;
}

/** VMIDs of Proxmox guests. */
export async function proxmoxVmids({ proxmox }: Config): Promise<number[]> {
  const tree = proxmox.enabled === false ? undefined : await readProxmoxTree(proxmox);
  if (tree?.state !== 'ready') return [];
  return [...tree.guests.keys(), ...(tree.vmlist.ok ? tree.vmlist.guests.keys() : [])];
}

async function unlessMissing<T, F>(reading: Promise<T>, fallback: F): Promise<T | F> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return fallback;
    throw error;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
