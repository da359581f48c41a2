// Keeps what the rules of each port have dropped while its guest lives, however often the rules are made anew.

import { type Carried, type Counts, looked, NONE_YET, remade, total } from './counts.ts';

export interface DropCounts {
  /** Has a look at the rules note what they count; returns what `look` does. */
  during<C extends Counts>(read: () => Promise<ReadonlyMap<number, C>>): Promise<ReadonlyMap<number, C>>;
  /** Carries over what the guest's rules have counted. `look` tells it just before `remake` makes them anew. */
  across(
    vmid: number,
    guest: string,
    read: () => Promise<Counts | undefined>,
    remake: () => Promise<void>,
  ): Promise<void>;
  /** All that was dropped, as far as it is known. */
  of(vmid: number): Counts | undefined;
  /** Begins anew: `remove` takes the rules away, with their port. */
  until(vmid: number, remove: () => Promise<void>): Promise<void>;
}

interface Kept {
  guest: string | undefined;
  carried: Carried;
}

export function openDropCounts(): DropCounts {
  const kept = new Map<number, Kept>();
  /** By VMID, changes of its rules that have begun or ended: a look across one may have seen either rules. */
  const turns = new Map<number, number>();
  const whileTurning = async (vmid: number, work: () => Promise<void>) => {
    const turn = () => turns.set(vmid, (turns.get(vmid) ?? 0) + 1);
    turn();
    await work().finally(turn);
  };

  return {
    async during(read) {
      const before = new Map(turns);
      const found = await read();
      for (const [vmid, now] of found) {
        const begun = turns.get(vmid) ?? 0;
        if (begun % 2 === 1 || begun !== (before.get(vmid) ?? 0)) continue;
        const former = kept.get(vmid);
        kept.set(vmid, { guest: former?.guest, carried: looked(former?.carried ?? NONE_YET, now) });
      }
      return found;
    },
    across: (vmid, guest, read, remake) =>
      whileTurning(vmid, async () => {
        const former = kept.get(vmid);
        const isIts = former?.guest === undefined || former.guest === guest;
        const now = isIts ? await read() : undefined;
        await remake();
        const carried = isIts ? remade(former?.carried ?? NONE_YET, now) : NONE_YET;
        kept.set(vmid, { guest, carried });
      }),
    until: (vmid, remove) =>
      whileTurning(vmid, async () => {
        await remove();
        kept.delete(vmid);
      }),
    of(vmid) {
      const entry = kept.get(vmid);
      return entry && total(entry.carried);
    },
  };
}
