// Hands out VMIDs, one at a time, and has them on disk before anybody uses them.

import type { Config } from '../core/config/config.ts';
import { readProxmoxTree } from '../core/guest/proxmox-tree.ts';
import {
  allocate,
  allocationName,
  holderOf,
  release,
  renameAllocation,
  type VmidState,
} from '../core/guest/vmid-allocation.ts';
import { loadVmids, saveVmids } from '../core/guest/vmid-store.ts';

type Runtime = 'docker' | 'lxc';

export interface Vmids {
  /** The guest's number. Throws `vmid-exhausted`, `name-taken`, `bad-argument`. */
  claim(runtime: Runtime, name: string, wanted?: number): Promise<number>;
  /** Name of the guest that has the number, whether it runs or not. */
  owner(vmid: number): Promise<string | undefined>;
  release(runtime: Runtime, name: string): Promise<void>;
  rename(runtime: Runtime, from: string, to: string): Promise<void>;
}

export interface VmidParts {
  path: string;
  config: Config;
  now: () => number;
  /** VMIDs of ports that exist, with the name each was allocated to, if it was. */
  portVmids: () => { vmid: number; runtime: string; name: string }[];
  onProblem: (problem: string) => void;
}

export async function openVmids({ path, config, now, portVmids, onProblem }: VmidParts): Promise<Vmids> {
  const loaded = await loadVmids(path, now());
  if (loaded.problem !== undefined) onProblem(loaded.problem);
  let state = loaded.state;
  let turn: Promise<unknown> = Promise.resolve();

  const change = <T>(make: (state: VmidState) => Promise<[T, VmidState]> | [T, VmidState]): Promise<T> => {
    const mine = turn.then(async () => {
      const [value, next] = await make(state);
      if (next !== state) await saveVmids(path, next);
      state = next;
      return value;
    });
    turn = mine.catch(() => undefined);
    return mine;
  };

  const readTree = async () =>
    config.proxmox.enabled === false ? undefined : readProxmoxTree(config.proxmox);

  const taken = async (runtime: Runtime, name: string): Promise<Set<number>> => {
    const numbers = new Set<number>();
    const tree = await readTree();
    if (tree?.state === 'ready') {
      for (const vmid of tree.guests.keys()) numbers.add(vmid);
      if (tree.vmlist.ok) for (const vmid of tree.vmlist.guests.keys()) numbers.add(vmid);
    }
    for (const port of portVmids()) {
      if (port.runtime !== runtime || port.name !== name) numbers.add(port.vmid);
    }
    return numbers;
  };

  return {
    claim: (runtime, name, wanted) =>
      change(async (before) => {
        const { vmid, state: after } = allocate(before, {
          name: allocationName(runtime, name),
          ...(wanted !== undefined && { wanted }),
          taken: await taken(runtime, name),
          now: now(),
          range: config.vmid_range,
          cooldownMs: config.vmid_cooldown * 1000,
        });
        return [vmid, after];
      }),
    async owner(vmid) {
      const tree = await readTree();
      if (tree?.state === 'ready') {
        const guest = tree.guests.get(vmid);
        // With spaces, which no container's name has: nobody can call their container so and get the number.
        if (guest) return `Proxmox guest ${guest.config.name ?? vmid}`;
        if (tree.vmlist.ok && tree.vmlist.guests.has(vmid)) return `Proxmox guest ${vmid} of another node`;
      }
      return holderOf(state, vmid);
    },
    release: (runtime, name) =>
      change((before) => [undefined, release(before, { name: allocationName(runtime, name), now: now() })]),
    rename: (runtime, from, to) =>
      change((before) => [
        undefined,
        renameAllocation(before, { from: allocationName(runtime, from), to: allocationName(runtime, to) }),
      ]),
  };
}
