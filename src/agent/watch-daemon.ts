// Tells when a daemon has been started, by the file that it writes its process id to.

import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** The directory may come later, and go: then the next reconcile finds what this one does not tell. */
export function watchDaemonStart(pidFile: string, onStart: () => void): { close(): void } {
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(pidFile), (_, file) => {
      if (file === basename(pidFile)) onStart();
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  return { close: () => watcher?.close() };
}
