// Watches the configurations of this node's Proxmox guests: each change is told by VMID, at once.

import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { vmidFromText } from '../../core/guest/vmid.ts';
import type { Watch, Watching } from '../../core/lib/watch.ts';

export interface ProxmoxWatch {
  /** Watches the directories anew, and those that were not there before: pmxcfs may have been mounted since. */
  ensure(): Promise<void>;
  close(): void;
}

export interface ProxmoxWatchListeners {
  /** A configuration was written, moved here or away, or removed. */
  onChange(vmid: number): void;
  /** A directory that had gone is watched again; what changed in between was not told. */
  onBack(): void;
}

const FOLDERS = ['qemu-server', 'lxc'];

/** Milliseconds before each try to watch a directory that went; later `ensure` alone finds it. */
const RETRIES_MS = [250, ...Array<number>(60).fill(1000)];

/** @param root `/etc/pve`; pmxcfs tells of writes on this node only (inotify), so those of others are found at the next look */
export function watchProxmox(
  watching: Pick<Watching, 'directory'>,
  root: string,
  { onChange, onBack }: ProxmoxWatchListeners,
): ProxmoxWatch {
  const watchers = new Map<string, Watch>();
  /** Folders whose directory went since it was watched. */
  const lost = new Set<string>();
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const forget = (folder: string) => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  const lose = (folder: string) => {
    forget(folder);
    lost.add(folder);
    clearTimeout(retry);
    tryAgain(0);
  };
  const start = (folder: string, path: string) => {
    const own = basename(path);
    const watcher: Watch = watching.directory(path, (file) => {
      if (isDirectoryItself(file, own)) {
        if (watchers.get(folder) === watcher) lose(folder);
        return;
      }
      // Proxmox writes a file beside it first and renames that.
      const vmid = file?.endsWith('.conf') ? vmidFromText(file.slice(0, -'.conf'.length)) : undefined;
      if (vmid !== undefined && !closed) onChange(vmid);
    });
    // The old one is closed after the new one is open: no change falls between them.
    watchers.get(folder)?.close();
    watchers.set(folder, watcher);
  };
  const ensure = async () => {
    for (const folder of FOLDERS) {
      const path = await realpath(join(root, folder)).catch(() => undefined);
      if (closed) return;
      try {
        // Also one that is watched: a mount over it is told by no event, and device and inode may be the same again.
        if (path === undefined) forget(folder);
        else start(folder, path);
      } catch {
        // Gone between the two calls: the next time tells.
        forget(folder);
      }
    }
    const found = [...lost].filter((folder) => watchers.has(folder));
    for (const folder of found) lost.delete(folder);
    if (found.length > 0) onBack();
  };
  const tryAgain = (tries: number) => {
    const wait = RETRIES_MS[tries];
    if (wait === undefined || closed) return;
    retry = setTimeout(() => {
      void ensure().then(() => {
        if (lost.size > 0) tryAgain(tries + 1);
      });
    }, wait);
  };

  return {
    ensure,
    close() {
      closed = true;
      clearTimeout(retry);
      for (const folder of FOLDERS) forget(folder);
    },
  };
}

/**
 * Whether an event is about the watched directory: it was unmounted, removed or renamed, and its watch is dead. Node tells
 * that as a `rename` of the directory's own name (libuv, linux.c), with no error. A change of its mode looks the same.
 */
function isDirectoryItself(file: string | null, own: string): boolean {
  return file === null || file === own;
}
