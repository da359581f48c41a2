// Tells what changes in a directory: by inotify, and by looking every second where the kernel has no room for that.

import {
  type FSWatcher,
  lstatSync,
  readdirSync,
  type Stats,
  statSync,
  watch as watchByInotify,
} from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isErrno } from './errors.ts';

export interface Watch {
  /** Tells what it has seen so far; whoever opens another watch first misses nothing. */
  close(): void;
}

/** A directory that is looked at by a timer, and why. */
export interface PolledDirectory {
  path: string;
  reason: string;
}

export interface Watching {
  /**
   * Calls `onChange` with the name of each entry that came, went or changed. With the directory's own name, or null, the
   * directory itself has gone, and nothing more is told. Throws what the file system says where there is no such directory.
   */
  directory(path: string, onChange: (file: string | null) => void): Watch;
  /** Those that inotify does not serve now. */
  polled(): PolledDirectory[];
}

export interface WatchingOptions {
  watch?: typeof watchByInotify;
  pollMs?: number;
  /** How long to poll before inotify is tried again. */
  retryMs?: number;
  /** Told when a directory begins to be polled. */
  onPoll?: (polled: PolledDirectory) => void;
}

/** inotify(7): no room is EMFILE for instances, ENOSPC for watches; limits are shared by all programs of a user. */
export function openWatching(options: WatchingOptions = {}): Watching {
  const { watch = watchByInotify, pollMs = 1000, retryMs = 60_000, onPoll } = options;
  const polled = new Map<object, PolledDirectory>();

  const directory: Watching['directory'] = (path, onChange) => {
    const own = {};
    let current: Watch = { close: () => undefined };
    let closed = false;

    const start = () => {
      let watcher: FSWatcher;
      try {
        watcher = watch(path, (_, file) => {
          if (!closed) onChange(file);
        });
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
        return poll(String((error as Error).message));
      }
      polled.delete(own);
      watcher.on('error', (error) => {
        watcher.close();
        if (!closed) orGone(() => poll(error.message));
      });
      current = watcher;
    };

    const poll = (reason: string) => {
      const isNews = !polled.has(own);
      const found = { path, reason };
      // Another directory of the same name is another one, as for inotify.
      const identity = identityOf(statSync(path));
      let known = lookNow(path);
      polled.set(own, found);
      if (isNews) onPoll?.(found);
      let isLooking = false;
      const look = async () => {
        if (isLooking) return;
        isLooking = true;
        const seen = await lookAt(path, identity).catch(() => undefined);
        isLooking = false;
        if (closed) return;
        if (seen === undefined) return gone();
        const before = known;
        known = seen;
        for (const name of changed(before, seen)) if (!closed) onChange(name);
      };
      // What changed since the last look would be told by nobody.
      const tellNow = () => {
        for (const name of changed(known, safely(() => lookNow(path)) ?? known)) onChange(name);
      };
      const timer = setInterval(() => void look(), pollMs).unref();
      const again = setTimeout(() => {
        stop();
        orGone(start);
        if (!closed) tellNow();
      }, retryMs).unref();
      const stop = () => {
        clearInterval(timer);
        clearTimeout(again);
      };
      const gone = () => {
        stop();
        polled.delete(own);
        onChange(basename(path));
      };
      current = {
        close() {
          stop();
          tellNow();
        },
      };
    };

    const orGone = (begin: () => void) => {
      try {
        begin();
      } catch {
        polled.delete(own);
        onChange(basename(path));
      }
    };

    start();
    return {
      close() {
        closed = true;
        polled.delete(own);
        current.close();
      },
    };
  };

  return { directory, polled: () => [...polled.values()] };
}

type Look = ReadonlyMap<string, string>;

const fingerprint = ({ ino, size, mtimeMs, ctimeMs }: Stats) => `${ino}/${size}/${mtimeMs}/${ctimeMs}`;

/** Inode numbers are used again at once; where a file system knows no time of birth, it is 0. */
const identityOf = ({ dev, ino, birthtimeMs }: Stats) => `${dev}/${ino}/${birthtimeMs}`;

/** At once, so that no change falls between the beginning of the watch and the first look. */
function lookNow(path: string): Look {
  return new Map(
    readdirSync(path).flatMap((name) => {
      const found = safely(() => lstatSync(join(path, name)));
      return found === undefined ? [] : [[name, fingerprint(found)] as const];
    }),
  );
}

/** Undefined where another directory has taken its place. */
async function lookAt(path: string, identity: string): Promise<Look | undefined> {
  if (identityOf(await stat(path)) !== identity) return undefined;
  const entries = (await readdir(path)).map(async (name) => {
    const found = await lstat(join(path, name)).catch(() => undefined);
    return found === undefined ? [] : [[name, fingerprint(found)] as const];
  });
  return new Map((await Promise.all(entries)).flat());
}

/** Entries that came, went or changed. */
export function changed(before: Look, after: Look): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

function safely<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
