// The leases as people and programs are shown them; pure.
import { parseIp } from '../../core/lib/cidr.ts';
import { familyOf } from './address-space.ts';
import type { LeaseEntry, LeaseState } from './lease-state.ts';

/** One of the answer of `list_netmaker_leases`. */
export interface LeaseRow {
  /** Canonical, without prefix length. */
  address: string;
  family: 4 | 6;
  name: string;
  /** Container id, or `group:NAME`. */
  key: string;
  /** `cooling`: for its name only until the cool-down ends; `free again`: for others when nothing else is free. */
  state: 'held' | 'cooling' | 'free again';
  /** When it came into that state, RFC 3339. */
  since: string;
  /** End of the cool-down, RFC 3339; else null. */
  until: string | null;
  /** Asked for by label. */
  static: boolean;
}

/** IPv4 first, then by address. `now` in milliseconds since the epoch. */
export function leaseTable(state: LeaseState, now: number, cooldownMs: number): LeaseRow[] {
  return Object.entries(state.leases)
    .map(([address, entry]) => ({
      value: parseIp(address)?.value ?? 0n,
      row: rowOf(address, entry, now, cooldownMs),
    }))
    .sort((a, b) => a.row.family - b.row.family || (a.value < b.value ? -1 : 1))
    .map(({ row }) => row);
}

function rowOf(address: string, entry: LeaseEntry, now: number, cooldownMs: number): LeaseRow {
  const { key, name, leasedAt, releasedAt } = entry;
  const common = { address, family: familyOf(address), name, key, static: entry.static };
  if (releasedAt === null) return { ...common, state: 'held', since: instant(leasedAt), until: null };
  if (now - releasedAt >= cooldownMs) {
    return { ...common, state: 'free again', since: instant(releasedAt + cooldownMs), until: null };
  }
  return { ...common, state: 'cooling', since: instant(releasedAt), until: instant(releasedAt + cooldownMs) };
}

/** The latest instant that a date can hold stands for all beyond it: the file may have any number. */
function instant(ms: number): string {
  return new Date(Math.min(ms, 8.64e15)).toISOString();
}
