// Looks at the attached Netmaker containers from time to time, and hands on what changed.

import { withDeadline } from '../../core/lib/deadline.ts';
import {
  CHANGES_MAX,
  type Change,
  type Health,
  type MeshContainer,
  type MeshSight,
  meshChanges,
} from './changes.ts';
import type { ReadWireGuard } from './read-wireguard.ts';

const AT_ONCE = 4;
const DEADLINE_MS = 5000;
/** Sights of containers that are away, so that a restart is told as one; oldest out. */
const AWAY_MAX = 256;
/** Blocks that a container gets back each look, up to CHANGES_MAX: one that changes all the time cannot flood the ledger. */
const REFILL = 8;

/** What Docker says of a container. */
export interface Inspected {
  health: Health;
  /** RestartCount. */
  restarts: number;
  /** RFC 3339. */
  startedAt: string;
}

/** The last sight of a container. */
export type MeshValues = Omit<MeshSight, 'container'>;

export interface MeshWatchParts {
  attached: () => readonly MeshContainer[];
  /** Undefined: there is no such container. */
  inspect: (id: string) => Promise<Inspected | undefined>;
  readWireGuard: ReadWireGuard;
  /** Into the ledger; what it refuses is told again at the next look. */
  record: (change: Change) => Promise<void>;
  /** At first sight of a container and whenever its health is another. */
  onHealth: (id: string, health: Health) => void;
  intervalMs: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Once per container until something else is wrong with it, or nothing. */
  onError: (error: unknown) => void;
}

export interface MeshWatch {
  /** Undefined until the first look at it, and when it is not attached any more. */
  values(id: string): MeshValues | undefined;
  /** Looks now; while a look is under way, once more after it. Resolves when that look is done; never rejects. */
  look(): Promise<void>;
  /** Ends looking; resolves when the look under way is done. */
  close(): Promise<void>;
}

interface Seen {
  sight?: MeshSight;
  /** Blocks it may have at the next look. */
  budget: number;
  health?: Health;
  /** What was wrong last. */
  trouble?: string;
  /** A visit that outlived its deadline and still holds something. */
  busy: boolean;
}

export function startMeshWatch(parts: MeshWatchParts): MeshWatch {
  const { attached, inspect, readWireGuard, record, onHealth, intervalMs, now, onError } = parts;
  const seen = new Map<string, Seen>();
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const wrong = (state: Seen, error: unknown) => {
    const trouble = error instanceof Error ? error.message : String(error);
    if (trouble !== state.trouble) onError(error);
    state.trouble = trouble;
  };

  const sightOf = async (container: MeshContainer, state: Seen): Promise<MeshSight | undefined> => {
    const { id, pid } = container;
    const inspected = await inspect(id);
    if (inspected === undefined) return undefined;
    const before = state.sight;
    let trouble: unknown;
    const wireguard = await readWireGuard(pid).catch((error: unknown) => {
      trouble = error;
      return undefined;
    });
    if (trouble === undefined) delete state.trouble;
    else wrong(state, trouble);
    if (wireguard !== undefined) return { container, ...inspected, wireguard, readAt: now() };
    const { wireguard: old, readAt } = before ?? {};
    return {
      container,
      ...inspected,
      ...(old !== undefined && { wireguard: old }),
      ...(readAt !== undefined && { readAt }),
    };
  };

  const take = async (sight: MeshSight, state: Seen, isLate: () => boolean) => {
    if (closed || isLate()) return;
    if (sight.health !== state.health) onHealth(sight.container.id, sight.health);
    state.health = sight.health;
    state.budget = Math.min(CHANGES_MAX, state.budget + REFILL);
    const changes = meshChanges(state.sight, sight, state.budget);
    for (const change of changes) {
      await record(change);
      state.budget -= 1;
    }
    state.sight = sight;
  };

  const visit = async (container: MeshContainer) => {
    const state = stateOf(container.id);
    if (state.busy) return;
    state.busy = true;
    let late = false;
    const work = sightOf(container, state)
      .then((sight) => (sight === undefined ? undefined : take(sight, state, () => late)))
      .finally(() => {
        state.busy = false;
      });
    try {
      await withDeadline(DEADLINE_MS, `Looking at the mesh of ${container.container}`, () => work);
    } catch (error) {
      late = true;
      wrong(state, error);
    }
  };

  const stateOf = (id: string): Seen => {
    const state = seen.get(id) ?? { budget: CHANGES_MAX, busy: false };
    // To the end of the map: the first ones are the longest away.
    seen.delete(id);
    seen.set(id, state);
    return state;
  };

  const lookOnce = async () => {
    try {
      const containers = [...attached()];
      const waiting = containers.values();
      const worker = async () => {
        for (const container of waiting) if (!closed) await visit(container);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      const ids = new Set(containers.map(({ id }) => id));
      const away = [...seen.keys()].filter((id) => !ids.has(id));
      for (const id of away.slice(0, Math.max(0, away.length - AWAY_MAX))) seen.delete(id);
    } catch (error) {
      onError(error);
    }
  };

  const begin = (): Promise<void> => {
    clearTimeout(timer);
    const done = lookOnce().finally(() => {
      running = undefined;
      if (!closed && next === undefined) schedule();
    });
    running = done;
    return done;
  };

  const look = (): Promise<void> => {
    if (closed) return Promise.resolve();
    if (running === undefined) return begin();
    next ??= running.then(() => {
      next = undefined;
      return closed ? undefined : begin();
    });
    return next;
  };

  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), intervalMs);
    timer.unref();
  };

  schedule();
  return {
    values(id) {
      if (!attached().some((container) => container.id === id)) return undefined;
      return seen.get(id)?.sight;
    },
    look,
    async close() {
      closed = true;
      clearTimeout(timer);
      await (next ?? running);
    },
  };
}
