// Takes up the events that hooks left in the spool while the agent or the bus was away.

import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hookEventSchema, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { LEFT_OUT, SPOOL_NAME, SPOOL_PARTIAL } from '../core/events/spool.ts';
import { isErrno } from '../core/lib/errors.ts';
import { nodeTreeFs } from '../core/lib/tree-fs.ts';
import type { Watch, Watching } from '../core/lib/watch.ts';

export interface SpoolParts {
  directory: string;
  watching: Pick<Watching, 'directory'>;
  /** Those of these event ids that the ledger has already, with their height. */
  recorded: (ids: Set<string>) => Promise<ReadonlyMap<string, number>>;
  /**
   * The file goes when this resolves. `height`: where the event is recorded already; what it led to may still be
   * under way, or the agent may have died before it.
   */
  handle: (event: LifecycleEvent, height: number | undefined) => Promise<unknown>;
  /** A file that is no event; it is kept under `rejected/`. */
  onRejected: (file: string, problem: string) => Promise<void>;
  /** So many events found no room in the spool. */
  onLeftOut: (count: number) => Promise<void>;
  /** Milliseconds of the epoch. */
  now: () => number;
}

export interface SpoolAbsorber {
  /** Absorbs what is there, oldest first; each event is recorded exactly once also over crashes. */
  absorb(): Promise<number>;
  /** Absorbs from now on whenever a hook leaves something. */
  watch(onError: (error: unknown) => void): Promise<void>;
  /** How many events wait. */
  waiting(): Promise<number>;
  close(): void;
}

/** A hook's event has a few hundred bytes, and as many names as it swept. */
const EVENT_MAX_BYTES = 256 * 1024;
/** A hook writes in milliseconds or, on a disk that hangs, within its deadline. */
const WRITTEN_BY_MS = 60_000;

export function spoolAbsorber({
  directory,
  watching,
  recorded,
  handle,
  onRejected,
  onLeftOut,
  now,
}: SpoolParts): SpoolAbsorber {
  let watch: Watch | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const files = async () => (await readdir(directory)).filter((file) => SPOOL_NAME.test(file)).sort();

  const reject = async (file: string, problem: string) => {
    await mkdir(join(directory, 'rejected'), { recursive: true, mode: 0o750 });
    await rename(join(directory, file), join(directory, 'rejected', file));
    await onRejected(file, problem);
  };

  const read = async (file: string): Promise<LifecycleEvent | undefined> => {
    const path = join(directory, file);
    try {
      const parsed = hookEventSchema.parse(JSON.parse(await nodeTreeFs.read(path, EVENT_MAX_BYTES)));
      return parsed;
    } catch (error) {
      await reject(file, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };

  /** What no hook left, or left under another name, would lie there unseen for ever. */
  const rejectStrangers = async () => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.isDirectory() || SPOOL_NAME.test(entry.name)) continue;
      if (SPOOL_PARTIAL.test(entry.name)) {
        const isAbandoned = now() - (await stat(join(directory, entry.name))).mtimeMs > WRITTEN_BY_MS;
        if (isAbandoned) await reject(entry.name, 'its hook ended before it was written');
      } else if (!entry.name.startsWith('.')) await reject(entry.name, 'its name is not that of an event');
    }
  };

  const reportLeftOut = async () => {
    const path = join(directory, LEFT_OUT);
    const count = await stat(path).then(
      ({ size }) => size,
      (error: unknown) => {
        if (isErrno(error, 'ENOENT')) return 0;
        throw error;
      },
    );
    if (count === 0) return;
    await onLeftOut(count);
    await unlink(path);
  };

  const absorbNow = async (): Promise<number> => {
    await rejectStrangers();
    await reportLeftOut();
    const names = await files();
    const events: { file: string; event: LifecycleEvent }[] = [];
    for (const file of names) {
      const event = await read(file);
      if (event) events.push({ file, event });
    }
    if (events.length === 0) return 0;
    const known = await recorded(new Set(events.map(({ event }) => event.id)));
    for (const { file, event } of events) {
      await handle(event, known.get(event.id));
      await unlink(join(directory, file));
    }
    return events.length;
  };

  const absorb = (): Promise<number> => {
    const mine = turn.then(absorbNow);
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    absorb,
    async watch(onError) {
      await mkdir(directory, { recursive: true, mode: 0o750 });
      watch = watching.directory(directory, () => void absorb().catch(onError));
    },
    waiting: async () => (await files()).length,
    close: () => watch?.close(),
  };
}
