// Whether NetworkManager can be asked to change the switch now, will be able to, or never.

import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../../lib/names-in.ts';
import type { NetworkManagerState } from '../../networkmanager/networkmanager.ts';
import type { Presence } from '../../plan/driver-names.ts';

/** @param installed see `isInstalled` */
export function presenceOf(state: NetworkManagerState, installed: boolean): Presence {
  if (state.running) return state.ovs ? 'ready' : 'unable';
  if (!installed) return 'unable';
  return state.silent ? 'silent' : 'expected';
}

/** Whether a NetworkManager that does not run now could come and do OVS. */
export const isInstalled = (root: string): boolean => hasOvsPlugin(root) && !isMasked(root);

/** Whether the plugin that lets NetworkManager do OVS is there, for a NetworkManager that does not run now. */
function hasOvsPlugin(root: string): boolean {
  const lib = join(root, 'usr/lib');
  const folders = namesIn(lib).flatMap((triplet) => {
    const versions = join(lib, triplet, 'NetworkManager');
    return namesIn(versions).map((version) => join(versions, version));
  });
  return folders.some((folder) => namesIn(folder).includes('libnm-device-plugin-ovs.so'));
}

/** By systemctl mask, for good or until the next boot (systemd.unit(5)): then it does not come. */
function isMasked(root: string): boolean {
  return ['etc/systemd/system', 'run/systemd/system'].some((place) => {
    try {
      return readlinkSync(join(root, place, 'NetworkManager.service')) === '/dev/null';
    } catch {
      return false;
    }
  });
}
