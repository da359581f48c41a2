// The VMIDs that Proxmox has given out, each with whose it is.

import type { ProxmoxSection } from '../config-section.ts';
import { readProxmoxTree } from './tree.ts';

/** By VMID, in words; empty where there is no Proxmox, or nothing can be concluded of it now. Does not throw. */
export async function takenVmids(config: ProxmoxSection): Promise<ReadonlyMap<number, string>> {
  const taken = new Map<number, string>();
  const tree = config.enabled === false ? undefined : await readProxmoxTree(config);
  if (tree?.state !== 'ready') return taken;
  if (tree.vmlist.ok) {
    for (const vmid of tree.vmlist.guests.keys()) taken.set(vmid, `Proxmox guest ${vmid} of another node`);
  }
  for (const vmid of tree.unreadable.keys()) taken.set(vmid, `Proxmox guest ${vmid}`);
  // With spaces, which no container's name has: nobody can call their container so and get the number.
  for (const [vmid, { config: guest }] of tree.guests) taken.set(vmid, `Proxmox guest ${guest.name ?? vmid}`);
  return taken;
}
