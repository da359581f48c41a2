// Hands out addresses, and has them on disk before anybody uses them.
import { AgentError } from '../../core/lib/errors.ts';
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
  look,
  release,
  rename,
  withHeld,
} from './lease-state.ts';
import { LEASES } from './lease-store.ts';

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

type Asked = Pick<LeaseRequest, 'key' | 'name' | 'wanted'>;

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
  look(list: () => Promise<ReadonlySet<string> | undefined>): Promise<string[]>;
  /** What is held now. */
  all(): Lease[];
  of(key: string): Lease | undefined;
  /** Also what is released, for people. */
  rows(): LeaseRow[];
}

interface Change {
  /** From state to state; throws when the change cannot be. */
  apply: (state: LeaseState) => LeaseState;
  settle: (failure?: unknown) => void;
}

/** Opens the file, or begins anew with what ports say. Does not throw because of the file. */
export async function openLeases(parts: LeaseParts): Promise<Leases> {
  const { path, now, save = saveState } = parts;
  const loaded = await loadState(LEASES, path, now());
  if (loaded.problem !== undefined) parts.onProblem(loaded.problem);
  let onDisk = loaded.state;
  let state = withHeld(loaded.state, parts.held(), now());
  let waiting: Change[] = [];
  let writing = false;
  /** For each look under way the keys that it may count. */
  const looks = new Set<Set<string>>();
  let lookTurn: Promise<unknown> = Promise.resolve();

  /** Applies all that waits and writes it once; what comes in meanwhile waits for the next write. */
  const writeBatch = async () => {
    const batch = waiting;
    waiting = [];
    let next = state;
    const applied: Change[] = [];
    for (const change of batch) {
      try {
        next = change.apply(next);
        applied.push(change);
      } catch (error) {
        change.settle(error);
      }
    }
    try {
      if (applied.length > 0 && next !== onDisk) await save(path, next);
    } catch (cause) {
      const failure = new AgentError('lease-write-failed', `${path} cannot be written`, { cause });
      for (const change of applied) change.settle(failure);
      return;
    }
    if (applied.length > 0) onDisk = next;
    state = next;
    for (const change of applied) change.settle();
  };

  const writeAll = async () => {
    writing = true;
    // Whoever asks in the same turn is in the first batch already.
    await Promise.resolve();
    while (waiting.length > 0) await writeBatch();
    writing = false;
  };

  const change = <T>(make: (state: LeaseState) => { state: LeaseState; value: T }): Promise<T> =>
    new Promise((resolve, reject) => {
      let made: { value: T } | undefined;
      waiting.push({
        apply: (before) => {
          const { state: after, value } = make(before);
          made = { value };
          return after;
        },
        settle: (failure) =>
          made === undefined || failure !== undefined ? reject(failure) : resolve(made.value),
      });
      if (!writing) void writeAll();
    });

  const lookOnce = async (list: () => Promise<ReadonlySet<string> | undefined>): Promise<string[]> => {
    const known = new Set(heldLeases(state).keys());
    looks.add(known);
    try {
      const present = await list();
      if (present === undefined) return [];
      return await change((before) => {
        const { released, state: after } = look(before, { known, present, now: now(), misses: parts.misses });
        return { state: after, value: released };
      });
    } finally {
      looks.delete(known);
    }
  };

  return {
    claim: (asked) => {
      // It lives, whatever a list says that was read before.
      for (const known of looks) known.delete(asked.key);
      return change((before) => {
        for (const known of looks) known.delete(asked.key);
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
    release: (key) => change((before) => ({ state: release(before, key, now()), value: undefined })),
    rename: (key, name) => change((before) => ({ state: rename(before, key, name), value: undefined })),
    look: (list) => {
      const mine = lookTurn.then(() => lookOnce(list));
      lookTurn = mine.catch(() => undefined);
      return mine;
    },
    all: () => [...heldLeases(state).values()],
    of: (key) => heldLeases(state).get(key),
    rows: () => leaseTable(state, now(), parts.cooldownMs),
  };
}
