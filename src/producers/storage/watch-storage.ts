// Records what is mounted where files that matter lie, and how full it is; looks every few seconds.

import { realpath, statfs } from 'node:fs/promises';
import { entryOf } from '../../core/ledger/producer.ts';
import { withDeadline } from '../../core/lib/deadline.ts';
import { readProc } from '../../core/lib/read-proc.ts';
import { loadState, saveState } from '../../core/lib/state-file.ts';
import { type Budget, openBudget } from '../budget.ts';
import type { Appender } from '../redacted.ts';
import { STORAGE } from './actions.ts';
import { nextLevel, usedPercent } from './fill-level.ts';
import { type Mount, mountOf, parseMountinfo } from './mountinfo.ts';
import { SEEN_STORAGE, type SeenStorage } from './seen.ts';

export interface StorageParts {
  ledger: Appender;
  /** What lies there matters. */
  paths: readonly string[];
  seenFile: string;
  everyMs: number;
  now: () => number;
  steady: () => number;
  warn: (text: string) => void;
  onError: (error: unknown) => void;
  /** Of the host: the agent's own sandbox mounts things read-only. */
  readMountinfo?: () => Promise<string>;
  statfs?: (path: string) => Promise<{ bsize: number; blocks: number; bfree: number; bavail: number }>;
}

export interface StorageWatch {
  look(): Promise<void>;
  close(): Promise<void>;
}

/** Mount changes of one path at once, then one in so many milliseconds. */
const BURST = 10;
const EVERY_MS = 300_000;
/** A file system in user space, or on the network, may hang; it is asked again when it has answered. */
const STATFS_MS = 5000;

/** Looks at once, then again and again. */
export async function watchStorage(parts: StorageParts): Promise<StorageWatch> {
  const { state, problem } = await loadState(SEEN_STORAGE, parts.seenFile, parts.now());
  if (problem !== undefined) parts.warn(problem);
  const watch = new Storage(parts, state);
  await watch.look();
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(() => watch.look());
  }, parts.everyMs).unref();
  return {
    look: () => watch.look(),
    close() {
      clearInterval(timer);
      return looking;
    },
  };
}

class Storage {
  readonly #parts: StorageParts;
  readonly #seen: SeenStorage;
  readonly #budgets = new Map<string, { budget: Budget; leftOut: number; last: string }>();
  readonly #asked = new Set<string>();
  #saved: string;
  #isFirst = true;

  constructor(parts: StorageParts, seen: SeenStorage) {
    this.#parts = parts;
    this.#seen = structuredClone(seen);
    this.#saved = JSON.stringify(seen);
  }

  /** Does not throw: what cannot be looked at is as it was. */
  async look(): Promise<void> {
    try {
      const { paths, seenFile, readMountinfo = mountinfoOfHost } = this.#parts;
      const mounts = parseMountinfo(await readMountinfo());
      const held = new Map<string, string[]>();
      for (const path of paths) {
        const mount = mountOf(await realpath(path).catch(() => path), mounts);
        if (mount === undefined) continue;
        held.set(mount.at, [...(held.get(mount.at) ?? []), path]);
        await this.#noteMount(path, mount);
      }
      await Promise.all([...held].map(([at, below]) => this.#noteFill(at, below)));
      this.#isFirst = false;
      const state = JSON.stringify(this.#seen);
      if (state !== this.#saved) await saveState(seenFile, this.#seen);
      this.#saved = state;
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  async #noteMount(path: string, mount: Mount): Promise<void> {
    const before = this.#seen.mounts[path];
    if (before === undefined) this.#seen.mounts[path] = mount;
    const look = JSON.stringify(mount);
    const limit = this.#budgets.get(path) ?? {
      budget: openBudget(BURST, EVERY_MS, this.#parts.steady),
      leftOut: 0,
      last: look,
    };
    this.#budgets.set(path, limit);
    const isNews = limit.last !== look;
    limit.last = look;
    if (before === undefined || (JSON.stringify(before) === look && limit.leftOut === 0)) return;
    if (!limit.budget.take()) {
      // Told later, with where it has led by then.
      if (isNews) limit.leftOut += 1;
      return;
    }
    const data = {
      path,
      from: before,
      to: mount,
      found: this.#isFirst ? ('start' as const) : ('running' as const),
      ...(limit.leftOut > 0 && { left_out: limit.leftOut }),
    };
    await this.#parts.ledger.append(entryOf(STORAGE, { action: 'mount_changed', data }));
    limit.leftOut = 0;
    this.#seen.mounts[path] = mount;
  }

  async #noteFill(at: string, paths: string[]): Promise<void> {
    if (this.#asked.has(at)) return;
    this.#asked.add(at);
    // It holds one of the few threads for as long as it hangs, so it is not asked a second time meanwhile.
    const asking = (this.#parts.statfs ?? statfs)(at).finally(() => this.#asked.delete(at));
    const found = await withDeadline(STATFS_MS, `statfs of ${at}`, () => asking).catch(() => undefined);
    if (found === undefined) return;
    const percent = usedPercent(found);
    const before = this.#seen.levels[at] ?? 0;
    const level = nextLevel(before, percent);
    if (level === before) return;
    const data = {
      at,
      paths,
      level,
      used_percent: percent,
      free_bytes: found.bavail * found.bsize,
      size_bytes: found.blocks * found.bsize,
    };
    const action = level > before ? 'storage_filling' : 'storage_relieved';
    await this.#parts.ledger.append(entryOf(STORAGE, { action, data }));
    this.#seen.levels[at] = level;
  }
}

/** Those of the first process are the host's. */
async function mountinfoOfHost(): Promise<string> {
  return readProc('/proc/1/mountinfo');
}
