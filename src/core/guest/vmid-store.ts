// vmids.json: the allocated VMIDs on disk. A damaged file loses the numbers of stopped guests only: those of live ones are known
// again from their ports.
import type { StateKind } from '../lib/state-file.ts';
import { EMPTY_VMID_STATE, type VmidState, vmidStateSchema } from './vmid-allocation.ts';

export const VMIDS: StateKind<VmidState> = {
  schema: vmidStateSchema,
  empty: EMPTY_VMID_STATE,
  contradiction({ allocations }) {
    const live = Object.values(allocations).filter((held) => held.releasedAt === null);
    const isShared = new Set(live.map((held) => held.vmid)).size !== live.length;
    return isShared ? 'gives one VMID to two guests' : undefined;
  },
};
