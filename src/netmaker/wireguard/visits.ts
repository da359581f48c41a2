// One look at each attached Netmaker container: what Docker and its WireGuard say, and what of that has changed.

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

interface ContainerState {
  sight?: MeshSight;
  /** Blocks it may have at the next look. */
  budget: number;
  health?: Health;
  /** What was wrong last. */
  problem?: string;
  /** A visit that outlived its deadline and still holds something. */
  busy: boolean;
}

export class MeshVisits {
  /** Nothing is recorded any more. */
  isClosed = false;
  readonly #parts: MeshWatchParts;
  readonly #seen = new Map<string, ContainerState>();

  constructor(parts: MeshWatchParts) {
    this.#parts = parts;
  }

  /** The last sight of a container. */
  sightOf(id: string): MeshSight | undefined {
    return this.#seen.get(id)?.sight;
  }

  /** Looks at all that are attached, some at a time. Does not throw. */
  async all(): Promise<void> {
    const { attached, onError } = this.#parts;
    try {
      const containers = [...attached()];
      const waiting = containers.values();
      const worker = async () => {
        for (const container of waiting) if (!this.isClosed) await this.#visit(container);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      const ids = new Set(containers.map(({ id }) => id));
      const away = [...this.#seen.keys()].filter((id) => !ids.has(id));
      for (const id of away.slice(0, Math.max(0, away.length - AWAY_MAX))) this.#seen.delete(id);
    } catch (error) {
      onError(error);
    }
  }

  async #visit(container: MeshContainer): Promise<void> {
    const state = this.#stateOf(container.id);
    if (state.busy) return;
    state.busy = true;
    let late = false;
    const work = this.#poll(container, state)
      .then((sight) => (sight === undefined ? undefined : this.#take(sight, state, () => late)))
      .finally(() => {
        state.busy = false;
      });
    try {
      await withDeadline(DEADLINE_MS, `Looking at the mesh of ${container.container}`, () => work);
    } catch (error) {
      late = true;
      this.#noteWrong(state, error);
    }
  }

  async #poll(container: MeshContainer, state: ContainerState): Promise<MeshSight | undefined> {
    const { inspect, readWireGuard, now } = this.#parts;
    const { id, pid } = container;
    const inspected = await inspect(id);
    if (inspected === undefined) return undefined;
    const before = state.sight;
    let problem: unknown;
    const wireguard = await readWireGuard(pid).catch((error: unknown) => {
      problem = error;
      return undefined;
    });
    if (problem === undefined) delete state.problem;
    else this.#noteWrong(state, problem);
    if (wireguard !== undefined) {
      const { interfaces, leftOut } = wireguard;
      return { container, ...inspected, wireguard: interfaces, leftOut, readAt: now() };
    }
    const { wireguard: old, leftOut, readAt } = before ?? {};
    return {
      container,
      ...inspected,
      ...(old !== undefined && { wireguard: old }),
      ...(leftOut !== undefined && { leftOut }),
      ...(readAt !== undefined && { readAt }),
    };
  }

  async #take(sight: MeshSight, state: ContainerState, isLate: () => boolean): Promise<void> {
    const { onHealth, record } = this.#parts;
    if (this.isClosed || isLate()) return;
    if (sight.health !== state.health) onHealth(sight.container.id, sight.health);
    state.health = sight.health;
    state.budget = Math.min(CHANGES_MAX, state.budget + REFILL);
    const changes = meshChanges(state.sight, sight, state.budget);
    for (const change of changes) {
      await record(change);
      state.budget -= 1;
    }
    state.sight = sight;
  }

  #stateOf(id: string): ContainerState {
    const state = this.#seen.get(id) ?? { budget: CHANGES_MAX, busy: false };
    // To the end of the map: the first ones are the longest away.
    this.#seen.delete(id);
    this.#seen.set(id, state);
    return state;
  }

  #noteWrong(state: ContainerState, error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== state.problem) this.#parts.onError(error);
    state.problem = problem;
  }
}
