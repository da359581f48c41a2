// Which blocks are about one guest, named by its VMID, its name, its port or its container id.

import { parsePortName, vmidFromText } from '../../guest/vmid.ts';
import { objectOf, portsIn, textOf } from '../../lib/json-value.ts';
import type { HashedBlock } from '../block.ts';
import { isContainerId } from '../index-files/terms.ts';

/**
 * Feed it blocks in order: the block of an attach tells the VMID of a guest that was asked for by name, and so
 * which later blocks that name only the port are its own.
 */
export function guestFilter(wanted: string): (block: HashedBlock) => boolean {
  const vmids = new Set<number>();
  const asked = vmidFromText(wanted) ?? parsePortName(wanted)?.vmid;
  if (asked !== undefined) vmids.add(asked);
  const isOfThem = (port: string) => vmids.has(parsePortName(port)?.vmid ?? Number.NaN);
  return ({ data }) => {
    const reported = objectOf(data);
    const name = textOf(reported, 'guest') ?? textOf(reported, 'name');
    const id = textOf(reported, 'container_id');
    const vmid =
      vmidFromText(textOf(reported, 'vmid') ?? '') ?? parsePortName(textOf(reported, 'port') ?? '')?.vmid;
    const named = name === wanted || (isContainerId(wanted) && id?.startsWith(wanted) === true);
    if (vmid === undefined) return named || portsIn(reported).some(isOfThem);
    if (named) vmids.add(vmid);
    // The number went to another guest.
    else if (name !== undefined && vmid !== asked) vmids.delete(vmid);
    return vmids.has(vmid);
  };
}
