// Whose a port is, by the marks on its row.

import { isOurs, type ObservedPort, OWNER_KEYS } from '../plan/observed.ts';

export function isOursPort({ externalIds }: ObservedPort): boolean {
  return isOurs(externalIds);
}

/** What the marks say of a port's guest: `web1 (proxmox-qemu)`. */
export function guestOfPort({ externalIds }: ObservedPort): string {
  const { [OWNER_KEYS.guest]: guest = '?', [OWNER_KEYS.runtime]: runtime = '?' } = externalIds;
  return `${guest} (${runtime})`;
}

export function bootOfPort({ externalIds }: ObservedPort): string | undefined {
  return externalIds[OWNER_KEYS.boot];
}
