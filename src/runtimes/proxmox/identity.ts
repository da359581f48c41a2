// Who a Proxmox guest is to us, and what of its configuration cannot be understood; pure.

import type { Guest } from '../../core/guest/guest.ts';
import type { ProxmoxGuest } from './config/tree.ts';

export const keyOf = (vmid: number) => `vmid:${vmid}`;

/** What stands in the file that is no configuration; a NIC's own problem is told with the NIC. */
export function damageOf({ config }: ProxmoxGuest): string[] {
  const [first, ...others] = config.problems.filter((problem) => !/^line \d+: net\d+: /.test(problem));
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : `, and ${others.length} more like this`;
  return [`a part of its configuration: ${first}${more}`];
}

export function identityOf({ vmid, runtime, config }: ProxmoxGuest): Guest {
  return { runtime, vmid, name: config.name ?? String(vmid) };
}

/** One whose configuration nobody can read. */
export const unknownGuest = (vmid: number): Guest => ({ runtime: 'proxmox-qemu', vmid, name: String(vmid) });
