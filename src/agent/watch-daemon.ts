// Tells when a daemon has been started, by the file that it writes its process id to.

import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Watch, Watching } from '../core/lib/watch.ts';

/** The directory may come later, and go: then the next reconcile finds what this one does not tell. */
export function watchDaemonStart(
  watching: Pick<Watching, 'directory'>,
  pidFile: string,
  onStart: () => void,
): Watch {
  let watch: Watch | undefined;
  try {
    watch = watching.directory(dirname(pidFile), (file) => {
      // A daemon that stops takes its file away: whoever looked then would find it not there yet.
      if (file === basename(pidFile) && existsSync(pidFile)) onStart();
    });
  } catch {
    watch = undefined;
  }
  return { close: () => watch?.close() };
}
