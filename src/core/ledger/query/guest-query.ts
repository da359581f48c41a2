// Asks for the blocks of one guest. Blocks that name only a port or a number are its own while the number is, and that other blocks tell.
import { parsePortName, vmidFromText } from '../../guest/vmid.ts';
import type { HashedBlock } from '../block.ts';
import { vmidsOf } from '../index-files/subjects.ts';
import { guestFilter } from './guest-filter.ts';
import { type Asking, queryBlocks } from './query.ts';
import { type Want, wantGuest } from './wants.ts';

export type GuestWant = {
  want: Want;
  /** The same for blocks that come after those that are there; feed it all of them in order. */
  isNext: (block: HashedBlock) => boolean;
};

/** `wanted` is a VMID, a name, a port or a container's id. Reads all that is said of the guest, wherever it stands. */
export async function findGuest(path: string, wanted: string, asking: Asking = {}): Promise<GuestWant> {
  const asked = vmidFromText(wanted) ?? parsePortName(wanted)?.vmid;
  const vmids = new Set(asked === undefined ? [] : [asked]);
  for await (const block of queryBlocks(path, { wants: [wantGuest(wanted, [])] }, asking)) {
    for (const vmid of vmidsOf(block)) vmids.add(vmid);
  }
  const isNext = guestFilter(wanted);
  const heights = new Set<number>();
  const all = wantGuest(wanted, [...vmids], isNext);
  for await (const { height } of queryBlocks(path, { wants: [all] }, asking)) heights.add(height);
  return { want: { ...all, fits: ({ height }) => heights.has(height) }, isNext };
}
