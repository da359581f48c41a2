// Which guests are not new: those that were there when auto_enroll was switched on, and those that were enrolled since.

import * as z from 'zod';
import { vmidSchema } from '../../../core/guest/vmid.ts';
import { isErrno } from '../../../core/lib/errors.ts';
import { nodeTreeFs } from '../../../core/lib/tree-fs.ts';
import type { ProxmoxGuest, ReadyTree } from '../config/tree.ts';
import { stateOf } from './plan.ts';
import type { HookscriptRecords } from './records.ts';
import { isOurVolume } from './volume.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const fileSchema = z.strictObject({
  version: z.literal(1),
  vmids: z.array(vmidSchema as unknown as z.ZodType<number>),
});

/**
 * Undefined: auto_enroll has not begun, or the file is damaged, which comes to the same but for guests that came since: those
 * are not enrolled, and `onDamaged` is told. Throws what the system says.
 */
export async function readKnownGuests(
  path: string,
  onDamaged: (problem: string) => void = () => undefined,
): Promise<ReadonlySet<number> | undefined> {
  try {
    return new Set(fileSchema.parse(JSON.parse(await nodeTreeFs.read(path, MAX_BYTES))).vmids);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    onDamaged(`${path} is not understood: all guests that are here now count as known, and are not enrolled`);
    return undefined;
  }
}

export function formatKnownGuests(vmids: ReadonlySet<number>): string {
  return JSON.stringify({ version: 1, vmids: [...vmids].sort((a, b) => a - b) });
}

/**
 * Known from now on: what was known and is still in the cluster, and every guest here that has ours. A number that
 * went and comes back is another guest.
 */
export function stillKnown(
  { guests, unreadable }: ReadyTree,
  cluster: Iterable<number>,
  known: ReadonlySet<number>,
) {
  const present = new Set([...cluster, ...guests.keys(), ...unreadable.keys()]);
  const ours = [...guests.values()].filter(hasOurs).map(({ vmid }) => vmid);
  return new Set([...[...known].filter((vmid) => present.has(vmid)), ...ours]);
}

/** Guests of this node that shall get ours by themselves: not templates, none that somebody unenrolled. */
export async function newGuests(
  { tree, records }: { tree: ReadyTree; records: HookscriptRecords },
  known: ReadonlySet<number> | undefined,
): Promise<number[]> {
  if (known === undefined) return [];
  const found: number[] = [];
  for (const guest of tree.guests.values()) {
    if (known.has(guest.vmid) || guest.config.template || hasOurs(guest)) continue;
    const { record } = stateOf(guest, await records.read(guest.vmid));
    if (typeof record !== 'object' || record.state !== 'unenrolled') found.push(guest.vmid);
  }
  return found.sort((a, b) => a - b);
}

const hasOurs = ({ config }: ProxmoxGuest) => isOurVolume(config.hookscript);
