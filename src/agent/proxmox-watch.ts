// Watches the configurations of this node's Proxmox guests: each change is told by VMID, at once.

import { type FSWatcher, watch } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { vmidFromText } from '../core/guest/vmid.ts';

export interface ProxmoxWatch {
  /** Starts watching directories that are not watched yet: pmxcfs may have been mounted since. */
  ensure(): Promise<void>;
  close(): void;
}

const FOLDERS = ['qemu-server', 'lxc'];

/**
 * @param root `/etc/pve`; pmxcfs tells of writes on this node only (inotify), so those of others are found at the next look
 * @param onChange a configuration was written, moved here or away, or removed
 */
export function watchProxmox(root: string, onChange: (vmid: number) => void): ProxmoxWatch {
  const watchers = new Map<string, { path: string; watcher: FSWatcher }>();

  const forget = (folder: string) => {
    watchers.get(folder)?.watcher.close();
    watchers.delete(folder);
  };
  const start = (folder: string, path: string) => {
    const watcher = watch(path, (_, file) => {
      // Proxmox writes a file beside it first and renames that.
      const vmid = file?.endsWith('.conf') ? vmidFromText(file.slice(0, -'.conf'.length)) : undefined;
      if (vmid !== undefined) onChange(vmid);
    });
    watcher.on('error', () => forget(folder));
    watchers.set(folder, { path, watcher });
  };

  return {
    async ensure() {
      for (const folder of FOLDERS) {
        const path = await realpath(join(root, folder)).catch(() => undefined);
        if (watchers.get(folder)?.path === path) continue;
        forget(folder);
        try {
          if (path !== undefined) start(folder, path);
        } catch {
          // Gone between the two calls: the next time tells.
        }
      }
    },
    close() {
      for (const folder of FOLDERS) forget(folder);
    },
  };
}
