// Whose a port is, by the marks on its row.

import { isOurs, OWNER_KEYS } from '../plan/observed.ts';
import type { SwitchPort } from './facts.ts';

export function isOursPort({ externalIds }: SwitchPort): boolean {
  return isOurs(externalIds);
}

/** What the marks say of a port's guest: `web1 (proxmox-qemu)`. */
export function guestOfPort({ externalIds }: SwitchPort): string {
  const { [OWNER_KEYS.guest]: guest = '?', [OWNER_KEYS.runtime]: runtime = '?' } = externalIds;
  return `${guest} (${runtime})`;
}

export function bootOfPort({ externalIds }: SwitchPort): string | undefined {
  return externalIds[OWNER_KEYS.boot];
}
