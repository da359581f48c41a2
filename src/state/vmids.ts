// Hands out VMIDs, one at a time, and has them on disk before anybody uses them.

import type { VmidSection } from '../core/guest/config-section.ts';
import { NUMBERED_RUNTIMES, type NumberedRuntime } from '../core/guest/runtimes.ts';
import {
  allocate,
  allocationName,
  holderOf,
  liveNames,
  release,
  releaseMissing,
  renameAllocation,
  takeBack,
  type VmidState,
} from '../core/guest/vmid-allocation.ts';
import { VMIDS } from '../core/guest/vmid-store.ts';
import { isAgentError } from '../core/lib/errors.ts';
import { loadState, saveState } from '../core/lib/state-file.ts';

/** A guest whose number was released because it is gone. */
export interface Released {
  runtime: NumberedRuntime;
  name: string;
  vmid: number;
}

/** Names of all guests of a runtime that there are, also those that do not run; undefined: it cannot be known now. */
export type Existing = () => Promise<ReadonlySet<string> | undefined>;

export interface Vmids {
  /**
   * The guest's number. Before it is refused, numbers of guests that are gone are released. Throws `vmid-exhausted`,
   * `name-taken`, `bad-argument`.
   */
  claim(runtime: NumberedRuntime, name: string, requested?: number): Promise<number>;
  /** Hands the number to `use`; when that throws, a number that the guest did not have before is free again at once. */
  claimFor<T>(
    runtime: NumberedRuntime,
    name: string,
    requested: number | undefined,
    use: (vmid: number) => Promise<T>,
  ): Promise<T>;
  /** Compares with what exists: a guest may have been removed while nobody looked. Does not throw. */
  reconcile(runtime: NumberedRuntime): Promise<void>;
  /** Name of the guest that has the number, whether it runs or not. */
  owner(vmid: number): Promise<string | undefined>;
  release(runtime: NumberedRuntime, name: string): Promise<void>;
  rename(runtime: NumberedRuntime, from: string, to: string): Promise<void>;
}

export interface VmidParts {
  path: string;
  config: VmidSection;
  now: () => number;
  /** VMIDs that others on this host or in its cluster have given out, each with whose it is. Does not throw. */
  takenElsewhere: () => Promise<ReadonlyMap<number, string>>;
  /** VMIDs of ports that exist, with the name each was allocated to, if it was. */
  portVmids: () => { vmid: number; runtime: string; name: string }[];
  /** A runtime that is not here is never compared. */
  existing: Partial<Record<NumberedRuntime, Existing>>;
  onReleased: (released: readonly Released[]) => void;
  onProblem: (problem: string) => void;
}

/** Hands out numbers; everything else that changes them goes through the same store, one at a time. */
export async function openVmids(parts: VmidParts): Promise<Vmids> {
  const { now, takenElsewhere, onProblem } = parts;
  const store = await openVmidStore(parts);
  const releases = releaseOfMissing(parts, store);
  const give = giving(parts, store, releases);

  return {
    reconcile: releases.reconcile,
    claim: async (runtime, name, requested) => (await give(runtime, name, requested)).vmid,
    async claimFor(runtime, name, requested, use) {
      const { vmid, before } = await give(runtime, name, requested);
      try {
        return await use(vmid);
      } catch (error) {
        const given = { name: allocationName(runtime, name), vmid, before };
        await store
          .change((state) => [undefined, takeBack(state, given)])
          .catch((problem: unknown) =>
            onProblem(`VMID ${vmid} could not be taken back from ${name}: ${String(problem)}`),
          );
        throw error;
      }
    },
    async owner(vmid) {
      return (await takenElsewhere()).get(vmid) ?? holderOf(store.state(), vmid);
    },
    release: (runtime, name) =>
      store.change((before) => [
        undefined,
        release(before, { name: allocationName(runtime, name), now: now() }),
      ]),
    rename: (runtime, from, to) =>
      store.change((before) => [
        undefined,
        renameAllocation(before, { from: allocationName(runtime, from), to: allocationName(runtime, to) }),
      ]),
  };
}

interface VmidStore {
  state(): VmidState;
  /** One after another; what `make` gives is on disk when this resolves. */
  change<T>(make: (state: VmidState) => Promise<[T, VmidState]> | [T, VmidState]): Promise<T>;
}

async function openVmidStore({ path, now, onProblem }: VmidParts): Promise<VmidStore> {
  const loaded = await loadState(VMIDS, path, now());
  if (loaded.problem !== undefined) onProblem(loaded.problem);
  let state = loaded.state;
  let turn: Promise<unknown> = Promise.resolve();
  return {
    state: () => state,
    change(make) {
      const mine = turn.then(async () => {
        const [value, next] = await make(state);
        if (next !== state) await saveState(path, next);
        state = next;
        return value;
      });
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

interface ReleaseOfMissing {
  reconcile(runtime: NumberedRuntime): Promise<void>;
  /** The guest lives, whatever a list says that was read before. */
  spare(runtime: NumberedRuntime, name: string): void;
}

function releaseOfMissing(
  { existing, now, onReleased, onProblem }: VmidParts,
  store: VmidStore,
): ReleaseOfMissing {
  /** For each comparison under way: the names that it may miss. */
  const runs = new Set<{ runtime: NumberedRuntime; known: Set<string> }>();
  return {
    spare(runtime, name) {
      for (const under of runs) if (under.runtime === runtime) under.known.delete(name);
    },
    async reconcile(runtime) {
      const list = existing[runtime];
      if (list === undefined) return;
      const mine = { runtime, known: new Set(liveNames(store.state(), runtime)) };
      if (mine.known.size === 0) return;
      runs.add(mine);
      try {
        const present = await list();
        if (present === undefined) return;
        const released = await store.change((before) => {
          const found = releaseMissing(before, { ...mine, present, now: now() });
          return [found.released, found.state];
        });
        if (released.length > 0) onReleased(released.map((guest) => ({ runtime, ...guest })));
      } catch (error) {
        onProblem(`numbers of ${runtime} guests that are gone could not be released: ${String(error)}`);
      } finally {
        runs.delete(mine);
      }
    },
  };
}

/** A number, and what there was before it was given. */
interface Given {
  vmid: number;
  before: VmidState;
}

type Give = (runtime: NumberedRuntime, name: string, requested: number | undefined) => Promise<Given>;

/** Gives a number; where there is none to give, once more after those of guests that are gone are released. */
function giving(parts: VmidParts, store: VmidStore, releases: ReleaseOfMissing): Give {
  const { config, now } = parts;
  const giveOnce: Give = (runtime, name, requested) =>
    store.change(async (before) => {
      releases.spare(runtime, name);
      const { vmid, state: after } = allocate(before, {
        name: allocationName(runtime, name),
        ...(requested !== undefined && { requested }),
        taken: await takenByOthers(parts, runtime, name),
        now: now(),
        range: config.vmid_range,
        cooldownMs: config.vmid_cooldown * 1000,
      });
      return [{ vmid, before }, after];
    });
  return async (runtime, name, requested) => {
    try {
      return await giveOnce(runtime, name, requested);
    } catch (error) {
      if (!isAgentError(error, 'name-taken') && !isAgentError(error, 'vmid-exhausted')) throw error;
      await Promise.all(NUMBERED_RUNTIMES.map(releases.reconcile));
      return giveOnce(runtime, name, requested);
    }
  };
}

async function takenByOthers(
  { takenElsewhere, portVmids }: VmidParts,
  runtime: NumberedRuntime,
  name: string,
): Promise<Set<number>> {
  const numbers = new Set<number>((await takenElsewhere()).keys());
  for (const port of portVmids()) {
    if (port.runtime !== runtime || port.name !== name) numbers.add(port.vmid);
  }
  return numbers;
}
