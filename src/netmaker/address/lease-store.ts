// leases.json: the leased addresses on disk. With a damaged file, addresses of containers that run are known again from their ports.
import type { StateKind } from '../../core/lib/state-file.ts';
import { familyOf } from './address-space.ts';
import { EMPTY_LEASE_STATE, type LeaseState, leaseStateSchema } from './lease-state.ts';

export const LEASES: StateKind<LeaseState> = {
  schema: leaseStateSchema,
  empty: EMPTY_LEASE_STATE,
  contradiction({ leases }) {
    const holders = Object.entries(leases)
      .filter(([, { releasedAt }]) => releasedAt === null)
      .map(([address, { key }]) => `${familyOf(address)} ${key}`);
    const isDouble = new Set(holders).size !== holders.length;
    return isDouble ? 'gives one container two addresses of a family' : undefined;
  },
};
