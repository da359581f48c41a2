// Reads what this host knows of VMIDs, and changes nothing of it.

import { readdir, readFile } from 'node:fs/promises';
import type { Config } from '../core/config/config.ts';
import { isErrno } from '../core/errors.ts';
import { readProxmoxTree } from '../core/guest/proxmox-tree.ts';
import { parsePortName } from '../core/guest/vmid.ts';
import { EMPTY_VMID_STATE, type VmidState, vmidStateSchema } from '../core/guest/vmid-allocation.ts';
import { CliError } from './failure.ts';

/** The allocations in `vmids.json`. The agent sets a damaged file aside; we only say so. */
export async function readVmidState(path: string): Promise<VmidState> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return EMPTY_VMID_STATE;
    throw error;
  }
  const state = vmidStateSchema.safeParse(json(text));
  if (!state.success) {
    throw new CliError(
      `${path} is damaged. The agent sets it aside: systemctl restart ovs-port-agent.service`,
      1,
    );
  }
  return state.data;
}

/** VMIDs of Proxmox guests and of ports that exist. */
export async function takenVmids(config: Config, bindingsDir: string): Promise<Set<number>> {
  const taken = new Set<number>();
  const tree = config.proxmox.enabled === false ? undefined : await readProxmoxTree(config.proxmox);
  if (tree?.state === 'ready') {
    for (const vmid of tree.guests.keys()) taken.add(vmid);
    if (tree.vmlist.ok) for (const vmid of tree.vmlist.guests.keys()) taken.add(vmid);
  }
  for (const file of await readdir(bindingsDir).catch(() => [])) {
    const identity = parsePortName(file.replace(/\.json$/, ''));
    if (identity) taken.add(identity.vmid);
  }
  return taken;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
