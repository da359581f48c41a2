// What lies in the spool: events of hooks, files that are none, and the count of those for which there was no room.

import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hookEventSchema, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { LEFT_OUT, SPOOL_NAME, SPOOL_PARTIAL } from '../core/events/spool.ts';
import { isErrno } from '../core/lib/errors.ts';
import { nodeTreeFs } from '../core/lib/tree-fs.ts';

export interface SpoolFolderParts {
  directory: string;
  /** A file that is no event; it is kept under `rejected/`. */
  onRejected: (file: string, problem: string) => Promise<void>;
  /** So many events found no room in the spool. */
  onLeftOut: (count: number) => Promise<void>;
  /** Milliseconds of the epoch. */
  now: () => number;
}

export interface SpoolFolder {
  /** Files with an event's name, oldest first. */
  files(): Promise<string[]>;
  /** The events in them; a file that is none is rejected. */
  events(): Promise<{ file: string; event: LifecycleEvent }[]>;
  /** What no hook left, or left under another name, would lie there unseen for ever. */
  rejectStrangers(): Promise<void>;
  /** Tells of events for which there was no room, once. */
  reportLeftOut(): Promise<void>;
}

/** A hook's event has a few hundred bytes, and as many names as it swept. */
const EVENT_MAX_BYTES = 256 * 1024;
/** A hook writes in milliseconds or, on a disk that hangs, within its deadline. */
const WRITTEN_BY_MS = 60_000;

export function openSpoolFolder({ directory, onRejected, onLeftOut, now }: SpoolFolderParts): SpoolFolder {
  /** Whoever needs the directory first makes it; until then nothing waits. */
  const entries = () =>
    readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
  const files = async () =>
    (await entries())
      .map(({ name }) => name)
      .filter((name) => SPOOL_NAME.test(name))
      .sort();

  const reject = async (file: string, problem: string) => {
    await mkdir(join(directory, 'rejected'), { recursive: true, mode: 0o750 });
    await rename(join(directory, file), join(directory, 'rejected', file));
    await onRejected(file, problem);
  };

  const read = async (file: string): Promise<LifecycleEvent | undefined> => {
    const path = join(directory, file);
    try {
      return hookEventSchema.parse(JSON.parse(await nodeTreeFs.read(path, EVENT_MAX_BYTES)));
    } catch (error) {
      await reject(file, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };

  return {
    files,

    async events() {
      const events: { file: string; event: LifecycleEvent }[] = [];
      for (const file of await files()) {
        const event = await read(file);
        if (event) events.push({ file, event });
      }
      return events;
    },

    async rejectStrangers() {
      for (const entry of await entries()) {
        if (entry.isDirectory() || SPOOL_NAME.test(entry.name)) continue;
        if (SPOOL_PARTIAL.test(entry.name)) {
          const isAbandoned = now() - (await stat(join(directory, entry.name))).mtimeMs > WRITTEN_BY_MS;
          if (isAbandoned) await reject(entry.name, 'its hook ended before it was written');
        } else if (!entry.name.startsWith('.')) await reject(entry.name, 'its name is not that of an event');
      }
    },

    async reportLeftOut() {
      const path = join(directory, LEFT_OUT);
      const count = await sizeOf(path);
      if (count === 0) return;
      await onLeftOut(count);
      await unlink(path);
    },
  };
}

/** 0 for a file that is not there: a hook adds a byte for each event. */
function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    (error: unknown) => {
      if (isErrno(error, 'ENOENT')) return 0;
      throw error;
    },
  );
}
