// /etc/pve/.vmlist: every VMID that the Proxmox cluster has given out.
import * as z from 'zod';
import { vmidFromText } from '../../../core/guest/vmid.ts';

export interface VmlistEntry {
  readonly node: string;
  readonly type: 'qemu' | 'lxc' | 'other';
}

export type VmlistResult =
  | { ok: true; version: number; guests: ReadonlyMap<number, VmlistEntry> }
  | { ok: false; problem: string };

// pve-cluster:src/pmxcfs/status.c:cfs_create_vmlist_msg. There is no `ids` key while the cluster has no guest.
const vmlistSchema = z.object({
  version: z.number(),
  ids: z.record(z.string(), z.object({ node: z.string(), type: z.string() })).default({}),
});

/** Never throws: a half-written or foreign file is a problem, and the caller keeps what it knew before. */
export function parseVmlist(text: string): VmlistResult {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, problem: text.trim() === '' ? '.vmlist is empty' : '.vmlist is not complete JSON' };
  }
  const parsed = vmlistSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return {
      ok: false,
      problem: `.vmlist: ${issue?.path.join('.') || 'file'}: ${issue?.message ?? 'not understood'}`,
    };
  }
  const guests = new Map<number, VmlistEntry>();
  for (const [key, { node, type }] of Object.entries(parsed.data.ids)) {
    const vmid = vmidFromText(key);
    if (vmid === undefined)
      return { ok: false, problem: `.vmlist: ${JSON.stringify(key.slice(0, 20))} is not a VMID` };
    guests.set(vmid, { node, type: type === 'qemu' || type === 'lxc' ? type : 'other' });
  }
  return { ok: true, version: parsed.data.version, guests };
}
