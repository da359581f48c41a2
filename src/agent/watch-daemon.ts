// Tells when a daemon has been started, by the file that it writes its process id to.

import { existsSync, type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** The directory may come later, and go: then the next reconcile finds what this one does not tell. */
export function watchDaemonStart(pidFile: string, onStart: () => void): { close(): void } {
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(pidFile), (_, file) => {
      // A daemon that stops takes its file away: whoever looked then would find it not there yet.
      if (file === basename(pidFile) && existsSync(pidFile)) onStart();
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  return { close: () => watcher?.close() };
}
