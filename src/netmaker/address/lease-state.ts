// Which container has which address: what leases.json holds, and its changes; pure.
import * as z from 'zod';
import { guestNameProblem } from '../../core/guest/guest.ts';
import { parseIp } from '../../core/lib/cidr.ts';
import { familyOf } from './address-space.ts';

const instant = z.int().nonnegative();

/** Docker's identifier of a container, or the shared address of a fail-over group. */
export const leaseKeySchema = z
  .string()
  .refine(
    (key) => /^[0-9a-f]{64}$/.test(key) || (isGroupKey(key) && guestNameProblem(key.slice(6)) === undefined),
    'is neither a container id of 64 hexadecimal digits nor group:NAME',
  );

export const leaseNameSchema = z
  .string()
  .refine((name) => guestNameProblem(name) === undefined, 'is not the name of a container');

const entrySchema = z.object({
  key: leaseKeySchema,
  /** Of the container: who comes back under it gets the address again. */
  name: leaseNameSchema,
  /** Asked for by label. */
  static: z.boolean(),
  /** Milliseconds since the epoch. */
  leasedAt: instant,
  /** Milliseconds since the epoch, or null while it is held. */
  releasedAt: instant.nullable(),
  /** Looks in a row that did not find the container. */
  misses: z.int().nonnegative(),
});

/** By address, so that no state can give one to two. A released entry stays until another needs the address. */
export const leaseStateSchema = z.object({
  version: z.literal(1),
  leases: z.record(
    z.string().refine((text) => parseIp(text)?.text === text, 'is not a canonical address'),
    entrySchema,
  ),
});

export type LeaseState = z.infer<typeof leaseStateSchema>;
export type LeaseEntry = z.infer<typeof entrySchema>;

export const EMPTY_LEASE_STATE: LeaseState = Object.freeze({ version: 1, leases: Object.freeze({}) });

/** Released addresses are forgotten, oldest first, beyond this many: a build host makes thousands of containers. */
const RELEASED_MAX = 1024;

/** What one container or group holds now. */
export interface Lease {
  readonly key: string;
  readonly name: string;
  /** At most one a family, IPv4 first; canonical, without prefix length. */
  readonly addresses: readonly {
    readonly family: 4 | 6;
    readonly address: string;
    readonly static: boolean;
  }[];
  /** Milliseconds since the epoch; of the oldest of its addresses. */
  readonly leasedAt: number;
  readonly misses: number;
}

export function isGroupKey(key: string): boolean {
  return key.startsWith('group:');
}

/** What is held now, by key. */
export function heldLeases(state: LeaseState): Map<string, Lease> {
  const leases = new Map<string, Lease>();
  for (const [address, entry] of Object.entries(state.leases)) {
    if (entry.releasedAt !== null) continue;
    const { key, name, leasedAt, misses } = entry;
    const known = leases.get(key);
    const addresses = [
      ...(known?.addresses ?? []),
      { family: familyOf(address), address, static: entry.static },
    ];
    leases.set(key, {
      key,
      name,
      addresses: addresses.sort((a, b) => a.family - b.family),
      leasedAt: Math.min(leasedAt, known?.leasedAt ?? leasedAt),
      misses,
    });
  }
  return leases;
}

/** The container is gone for good; its name keeps the claim. A key that holds nothing changes nothing. */
export function release(state: LeaseState, key: string, now: number): LeaseState {
  return changeHeld(state, [key], (entry) => ({ ...entry, releasedAt: whole(now), misses: 0 }));
}

/** The container has another name now, and keeps its addresses under it. */
export function rename(state: LeaseState, key: string, name: string): LeaseState {
  return changeHeld(state, [key], (entry) => (entry.name === name ? entry : { ...entry, name }));
}

export interface AbsenceCheck {
  /** Keys that hold something and existed when the reservations were read, and were not leased since. */
  readonly known: ReadonlySet<string>;
  /** Keys that the live list has, which was read after `known`. Groups must be in it while they have members. */
  readonly present: ReadonlySet<string>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** So many looks in a row must miss a key before it is released. */
  readonly misses: number;
}

/**
 * Counts who is not there any more. Only keys that were reserved before the live list was read are counted: one that
 * was leased in between is not in the list although it lives (whereabouts#207, fixed there by #208).
 */
export function releaseAbsent(
  state: LeaseState,
  { known, present, now, misses }: AbsenceCheck,
): { released: string[]; state: LeaseState } {
  const keys = [...heldLeases(state).values()];
  const seen = keys.filter((lease) => present.has(lease.key) && lease.misses > 0).map(({ key }) => key);
  const missed = keys.filter(({ key }) => known.has(key) && !present.has(key));
  const released = missed.filter((lease) => lease.misses + 1 >= misses).map(({ key }) => key);
  const reset = changeHeld(state, seen, (entry) => ({ ...entry, misses: 0 }));
  const counted = changeHeld(
    reset,
    missed.map(({ key }) => key),
    (entry) => ({ ...entry, misses: entry.misses + 1 }),
  );
  const gone = changeHeld(counted, released, (entry) => ({ ...entry, releasedAt: whole(now), misses: 0 }));
  return { released, state: gone };
}

/** What a port that exists says: its container and the addresses that are configured in it. */
export interface HeldAddresses {
  readonly key: string;
  readonly name: string;
  /** With or without prefix length. */
  readonly addresses: readonly string[];
}

/**
 * Adds what ports say to a state that does not know it: the file was lost or damaged while containers ran. What the
 * state says itself comes first. Entries that are not understood are left out.
 */
export function withHeld(state: LeaseState, held: readonly HeldAddresses[], now: number): LeaseState {
  let next = state;
  for (const { key, name, addresses } of held) {
    if (!leaseKeySchema.safeParse(key).success || !leaseNameSchema.safeParse(name).success) continue;
    for (const text of addresses) {
      const address = parseIp(text.split('/', 1)[0] ?? '')?.text;
      if (address === undefined || next.leases[address]?.releasedAt === null) continue;
      if (heldAddress(next, key, familyOf(address)) !== undefined) continue;
      next = assign(next, { address, key, name, isStatic: false, now });
    }
  }
  return next;
}

/** The address of that family that `key` holds now. */
export function heldAddress(state: LeaseState, key: string, family: 4 | 6): string | undefined {
  // `for in` for it builds no list: this is asked several times a claim.
  for (const address in state.leases) {
    const entry = state.leases[address];
    if (entry?.releasedAt === null && entry.key === key && familyOf(address) === family) return address;
  }
  return undefined;
}

/** The key holds the address, and no other of its family: one that it had rests like any released one. */
export function assign(
  state: LeaseState,
  {
    address,
    key,
    name,
    isStatic,
    now,
  }: { address: string; key: string; name: string; isStatic: boolean; now: number },
): LeaseState {
  const held = state.leases[address];
  const mine = held?.key === key && held.releasedAt === null;
  if (mine && held.name === name && held.static === isStatic && held.misses === 0) return state;
  const former = heldAddress(state, key, familyOf(address));
  const left = former === undefined || former === address ? undefined : state.leases[former];
  const entry = {
    key,
    name,
    static: isStatic,
    leasedAt: mine ? held.leasedAt : whole(now),
    releasedAt: null,
    misses: 0,
  };
  const leases = { ...state.leases, [address]: entry };
  if (former === undefined || left === undefined) return { version: 1, leases };
  leases[former] = { ...left, releasedAt: whole(now), misses: 0 };
  return { version: 1, leases: withoutOldest(leases) };
}

function changeHeld(
  state: LeaseState,
  keys: readonly string[],
  change: (entry: LeaseEntry) => LeaseEntry,
): LeaseState {
  const which = new Set(keys);
  const changed = Object.entries(state.leases).flatMap(([address, entry]) => {
    if (entry.releasedAt !== null || !which.has(entry.key)) return [];
    const after = change(entry);
    return after === entry ? [] : [[address, after] as const];
  });
  if (changed.length === 0) return state;
  return { version: 1, leases: withoutOldest({ ...state.leases, ...Object.fromEntries(changed) }) };
}

function withoutOldest(leases: Record<string, LeaseEntry>): Record<string, LeaseEntry> {
  const released = Object.entries(leases).filter(([, { releasedAt }]) => releasedAt !== null);
  if (released.length <= RELEASED_MAX) return leases;
  const forget = new Set(
    released
      .sort(([, a], [, b]) => (a.releasedAt ?? 0) - (b.releasedAt ?? 0))
      .slice(0, released.length - RELEASED_MAX)
      .map(([address]) => address),
  );
  return Object.fromEntries(Object.entries(leases).filter(([address]) => !forget.has(address)));
}

function whole(now: number): number {
  return Math.max(0, Math.trunc(now));
}
