// Tells what changes in a directory: by inotify, and by looking every second where the kernel has no room for that.

import { type FSWatcher, watch as watchByInotify } from 'node:fs';
import { basename } from 'node:path';
import { isErrno } from './errors.ts';
import { Polling } from './polling.ts';

export { changed } from './polling.ts';

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
  const { watch = watchByInotify, pollMs = 1000, retryMs = 60_000, onPoll = () => undefined } = options;
  const polled = new Map<object, PolledDirectory>();
  return {
    directory: (path, onChange) =>
      new DirectoryWatch(path, onChange, { watch, pollMs, retryMs, onPoll, polled }),
    polled: () => [...polled.values()],
  };
}

interface WatchParts extends Required<WatchingOptions> {
  /** Those that inotify does not serve now, by their watch. */
  polled: Map<object, PolledDirectory>;
}

class DirectoryWatch implements Watch {
  readonly #path: string;
  readonly #onChange: (file: string | null) => void;
  readonly #parts: WatchParts;
  #current: Watch = { close: () => undefined };
  #closed = false;

  /** Throws what the file system says where there is no such directory. */
  constructor(path: string, onChange: (file: string | null) => void, parts: WatchParts) {
    this.#path = path;
    this.#onChange = onChange;
    this.#parts = parts;
    this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#parts.polled.delete(this);
    this.#current.close();
  }

  #start(): void {
    let watcher: FSWatcher;
    try {
      watcher = this.#parts.watch(this.#path, (_, file) => {
        if (!this.#closed) this.#onChange(file);
      });
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
      this.#poll(String((error as Error).message));
      return;
    }
    this.#parts.polled.delete(this);
    watcher.on('error', (error) => {
      watcher.close();
      if (!this.#closed) this.#orGone(() => this.#poll(error.message));
    });
    this.#current = watcher;
  }

  #poll(reason: string): void {
    const { polled, pollMs, retryMs, onPoll } = this.#parts;
    const isNews = !polled.has(this);
    const found = { path: this.#path, reason };
    const polling = new Polling(this.#path, pollMs, {
      onChange: this.#onChange,
      onGone: () => {
        stop();
        this.#gone();
      },
      isClosed: () => this.#closed,
    });
    polled.set(this, found);
    if (isNews) onPoll(found);
    const again = setTimeout(() => {
      stop();
      this.#orGone(() => this.#start());
      if (!this.#closed) polling.reportNow();
    }, retryMs).unref();
    const stop = () => {
      polling.stop();
      clearTimeout(again);
    };
    this.#current = {
      close() {
        stop();
        polling.reportNow();
      },
    };
  }

  #orGone(begin: () => void): void {
    try {
      begin();
    } catch {
      this.#gone();
    }
  }

  #gone(): void {
    this.#parts.polled.delete(this);
    this.#onChange(basename(this.#path));
  }
}
