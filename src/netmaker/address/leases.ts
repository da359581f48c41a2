// Hands out addresses, and has them on disk before anybody uses them.
import { loadState, saveState } from '../../core/lib/state-file.ts';
import type { Pool } from '../types.ts';
import type { AddressRange } from './address-space.ts';
import { type LeasedAddress, type LeaseRequest, lease } from './lease.ts';
import { type LeaseRow, leaseTable } from './lease-rows.ts';
import {
  type HeldAddresses,
  heldLeases,
  type Lease,
  type LeaseState,
  release,
  releaseAbsent,
  rename,
  withHeld,
} from './lease-state.ts';
import { LEASES } from './lease-store.ts';
import { LeaseWriter } from './lease-writer.ts';

export interface LeaseParts {
  /** Of leases.json; its directory exists. */
  path: string;
  pools: readonly Pool[];
  reserved: readonly AddressRange[];
  /** How long a released address is kept from other names. */
  cooldownMs: number;
  /** So many looks in a row must miss a container before its addresses are released. */
  misses: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Canonical addresses that others than `asks` are seen to use; asked once a claim. */
  inUse: (asks: { key: string; name: string }) => ReadonlySet<string>;
  /** What ports that exist say; asked once, for the case that the file was lost. */
  held: () => readonly HeldAddresses[];
  onProblem: (problem: string) => void;
  /** Puts the state on disk; `saveState` unless told. */
  save?: (path: string, state: LeaseState) => Promise<void>;
}

type Asked = Pick<LeaseRequest, 'key' | 'name' | 'requested'>;

/** What changes something is on disk when it resolves, or it throws `lease-write-failed` and nothing has changed. */
export interface Leases {
  /** One address of each family. Throws what `lease` throws. */
  claim(asked: Asked): Promise<LeasedAddress[]>;
  release(key: string): Promise<void>;
  rename(key: string, name: string): Promise<void>;
  /**
   * Notes what is held, then calls `list` for the keys that exist (with `group:NAME` of groups that have members;
   * undefined: it cannot be known now), then counts. Answers with the keys it released. Throws what `list` throws.
   */
  reconcile(list: () => Promise<ReadonlySet<string> | undefined>): Promise<string[]>;
  /** What is held now. */
  all(): Lease[];
  of(key: string): Lease | undefined;
  /** Also what is released, for people. */
  rows(): LeaseRow[];
}

/** Opens the file, or begins anew with what ports say. Does not throw because of the file. */
export async function openLeases(parts: LeaseParts): Promise<Leases> {
  const { path, now, save = saveState } = parts;
  const loaded = await loadState(LEASES, path, now());
  if (loaded.problem !== undefined) parts.onProblem(loaded.problem);
  const writer = new LeaseWriter(
    { path, save },
    { onDisk: loaded.state, state: withHeld(loaded.state, parts.held(), now()) },
  );
  /** For each look under way the keys that it may count. */
  const runs = new Set<Set<string>>();
  let reconcileTurn: Promise<unknown> = Promise.resolve();

  const reconcileOnce = async (list: () => Promise<ReadonlySet<string> | undefined>): Promise<string[]> => {
    const known = new Set(heldLeases(writer.state).keys());
    runs.add(known);
    try {
      const present = await list();
      if (present === undefined) return [];
      return await writer.change((before) => {
        const { released, state: after } = releaseAbsent(before, {
          known,
          present,
          now: now(),
          misses: parts.misses,
        });
        return { state: after, value: released };
      });
    } finally {
      runs.delete(known);
    }
  };

  return {
    claim: (asked) => {
      // It lives, whatever a list says that was read before.
      for (const known of runs) known.delete(asked.key);
      return writer.change((before) => {
        for (const known of runs) known.delete(asked.key);
        const { addresses, state: after } = lease(before, {
          ...asked,
          pools: parts.pools,
          reserved: parts.reserved,
          inUse: parts.inUse({ key: asked.key, name: asked.name }),
          now: now(),
          cooldownMs: parts.cooldownMs,
        });
        return { state: after, value: addresses };
      });
    },
    release: (key) => writer.change((before) => ({ state: release(before, key, now()), value: undefined })),
    rename: (key, name) =>
      writer.change((before) => ({ state: rename(before, key, name), value: undefined })),
    reconcile: (list) => {
      const mine = reconcileTurn.then(() => reconcileOnce(list));
      reconcileTurn = mine.catch(() => undefined);
      return mine;
    },
    all: () => [...heldLeases(writer.state).values()],
    of: (key) => heldLeases(writer.state).get(key),
    rows: () => leaseTable(writer.state, now(), parts.cooldownMs),
  };
}
