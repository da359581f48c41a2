// Records changes of the configuration and of the bridges' settings against what was seen last.

import { entryOf } from '../../core/ledger/producer.ts';
import { loadState, saveState } from '../../core/lib/state-file.ts';
import type { Replica } from '../../core/ovsdb/replica.ts';
import { type Budget, openBudget } from '../budget.ts';
import type { Appender } from '../redacted.ts';
import { readWho } from '../users/who.ts';
import { SETTINGS } from './actions.ts';
import { bridgeChanges } from './bridge-changes.ts';
import { bridgeSettings } from './bridge-settings.ts';
import { describeFile } from './config-file.ts';
import { difference, type Settings, told } from './difference.ts';
import { SEEN_SETTINGS, type Seen } from './remembered.ts';

export interface SettingsParts {
  ledger: Appender;
  seenFile: string;
  configPath: string;
  /** The default of each key: a key that an older version did not have has changed only when it is another. */
  defaults: Settings;
  ovsdb: { readonly connected: boolean; readonly replica: Replica };
  isManaged: (bridge: string) => boolean;
  /** Whether the agent itself is at work on a port. */
  isOurs: (port: string) => boolean;
  now: () => number;
  steady: () => number;
  warn: (text: string) => void;
  onError: (error: unknown) => void;
}

export interface SettingsWatch {
  /**
   * The whole configuration as it was just read, by its keys. Answers the height of the block, if there is one. A ledger
   * that cannot be written is told by `onError`, and the change is recorded with the next.
   */
  noteConfig(
    config: Settings,
    found: 'start' | 'reload',
    caller?: { user: string; pid: number },
  ): Promise<number | undefined>;
  /** Some row of the switch may have changed: it is looked at soon. */
  soon(): void;
  lookAtBridges(): Promise<void>;
  close(): Promise<void>;
}

/** Time for a change of several rows to be complete. */
const SETTLE_MS = 1000;
/** Between two times that ports alone are written down. */
const SAVE_MS = 60_000;
/** Blocks of one bridge at once, then one in so many milliseconds. */
const BURST = 5;
const EVERY_MS = 300_000;

export async function watchSettings(parts: SettingsParts): Promise<SettingsWatch> {
  const { state, problem } = await loadState(SEEN_SETTINGS, parts.seenFile, parts.now());
  if (problem !== undefined) parts.warn(problem);
  return new Watch(parts, structuredClone(state));
}

interface Limit {
  readonly budget: Budget;
  leftOut: number;
  /** As it was at the last look. */
  last: string | undefined;
  /** Looks again when there is room for one more block. */
  again: NodeJS.Timeout | undefined;
}

class Watch implements SettingsWatch {
  readonly #parts: SettingsParts;
  readonly #seen: Seen;
  readonly #limits = new Map<string, Limit>();
  /** Bridges that this run has looked at. */
  readonly #looked = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #savedBridges: string;
  #savedOwn = '';
  #savedAt: number;

  constructor(parts: SettingsParts, seen: Seen) {
    this.#parts = parts;
    this.#seen = seen;
    this.#savedBridges = JSON.stringify(seen.bridges);
    this.#savedAt = parts.steady();
  }

  noteConfig: SettingsWatch['noteConfig'] = (config, found, caller) =>
    this.#inTurn(() => this.#noteConfig(config, found, caller));

  soon(): void {
    this.#timer ??= this.#isClosed
      ? undefined
      : setTimeout(() => void this.lookAtBridges(), SETTLE_MS).unref();
  }

  async lookAtBridges(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#inTurn(() => this.#lookAtBridges());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const { again } of this.#limits.values()) clearTimeout(again);
    await this.#turn;
    if (JSON.stringify(this.#seen.bridges) !== this.#savedBridges)
      await this.#save().catch(this.#parts.onError);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T | undefined> {
    const mine = this.#turn.then(work).catch((error: unknown) => void this.#parts.onError(error));
    this.#turn = mine;
    return mine;
  }

  async #noteConfig(
    config: Settings,
    found: 'start' | 'reload',
    caller: { user: string; pid: number } | undefined,
  ): Promise<number | undefined> {
    const before = this.#seen.config && { ...this.#added(this.#seen.config, config), ...this.#seen.config };
    const changes = before === undefined ? [] : difference(before, config);
    let height: number | undefined;
    if (changes.length > 0) {
      const data = {
        ...told(changes),
        found,
        file: await describeFile(this.#parts.configPath),
        ...(caller && {
          asked_by: await readWho({ uid: caller.user === 'root' ? 0 : undefined, pid: caller.pid }),
        }),
      };
      const who = caller === undefined ? { user: 'unknown' } : { user: caller.user, pid: caller.pid };
      const metadata = { kind: 'event' };
      const entry = entryOf(SETTINGS, { action: 'config_changed', data, metadata, ...who });
      ({ height } = await this.#parts.ledger.append(entry));
    }
    if (before === undefined || changes.length > 0) {
      this.#seen.config = { ...config };
      await this.#save();
    }
    return height;
  }

  /** Keys of this version that the one before did not have, as they were then: at their default. */
  #added(before: Settings, now: Settings): Settings {
    const { defaults } = this.#parts;
    const keys = Object.keys(now).filter(
      (key) => !Object.hasOwn(before, key) && Object.hasOwn(defaults, key),
    );
    return Object.fromEntries(keys.map((key) => [key, defaults[key] ?? null]));
  }

  async #lookAtBridges(): Promise<void> {
    const { ovsdb, isManaged, isOurs } = this.#parts;
    // What cannot be read is as it was.
    if (!ovsdb.connected || this.#isClosed) return;
    for (const [bridge, after] of bridgeSettings(ovsdb.replica, isManaged)) {
      const found = this.#looked.has(bridge) ? 'running' : 'start';
      this.#looked.add(bridge);
      const former = this.#seen.bridges[bridge];
      const changes = former === undefined ? [] : bridgeChanges(former, after, isOurs);
      const limit = this.#limitOf(bridge);
      const look = JSON.stringify(after);
      const isNews = limit.last !== undefined && limit.last !== look;
      limit.last = look;
      const isQuiet = changes.length === 0 && limit.leftOut === 0;
      const isTold = isQuiet || (await this.#tell(bridge, changes, found));
      if (isTold) this.#seen.bridges[bridge] = after as Seen['bridges'][string];
      else if (isNews) limit.leftOut += 1;
    }
    await this.#saveBridges();
  }

  #limitOf(bridge: string): Limit {
    const found = this.#limits.get(bridge) ?? {
      budget: openBudget(BURST, EVERY_MS, this.#parts.steady),
      leftOut: 0,
      last: undefined,
      again: undefined,
    };
    this.#limits.set(bridge, found);
    return found;
  }

  /** False: it is too early for one more; what changed is told with what changes until then. */
  async #tell(
    bridge: string,
    changes: ReturnType<typeof difference>,
    found: 'start' | 'running',
  ): Promise<boolean> {
    const limit = this.#limitOf(bridge);
    if (!limit.budget.take()) {
      limit.again ??= setTimeout(() => {
        limit.again = undefined;
        this.soon();
      }, limit.budget.waitMs()).unref();
      return false;
    }
    const data = {
      bridge,
      ...told(changes),
      found,
      changed_by: 'unknown' as const,
      ...(limit.leftOut > 0 && { left_out: limit.leftOut }),
    };
    const entry = entryOf(SETTINGS, { action: 'bridge_settings_changed', data, user: 'unknown' });
    await this.#parts.ledger.append(entry);
    limit.leftOut = 0;
    return true;
  }

  /** Ports come and go with guests, and the disk is not to be kept busy with that; settings are written down at once. */
  async #saveBridges(): Promise<void> {
    const { bridges } = this.#seen;
    const own = JSON.stringify(Object.entries(bridges).map(([name, each]) => [name, each.own]));
    const all = JSON.stringify(bridges);
    const isDue = this.#parts.steady() - this.#savedAt >= SAVE_MS;
    if (all === this.#savedBridges || (own === this.#savedOwn && !isDue)) return;
    await this.#save();
    this.#savedBridges = all;
    this.#savedOwn = own;
    this.#savedAt = this.#parts.steady();
  }

  async #save(): Promise<void> {
    await saveState(this.#parts.seenFile, this.#seen);
  }
}
