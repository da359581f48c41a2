// Forgets records of guests that no node of the cluster has any more: their number may go to another guest.

import type { HookscriptHost } from './host.ts';

/** Resolves to the VMIDs. Nothing is forgotten while the cluster's list of guests cannot be read. */
export async function pruneRecords({ tree, records }: HookscriptHost): Promise<number[]> {
  const { vmlist, guests, unreadable } = tree;
  if (!vmlist.ok) return [];
  const gone = (await records.vmids()).filter(
    (vmid) => !vmlist.guests.has(vmid) && !guests.has(vmid) && !unreadable.has(vmid),
  );
  for (const vmid of gone) await records.remove(vmid);
  return gone;
}
