// Whose a port is, by its row.

import { isOurs, type ObservedPort, OWNER_KEYS } from '../../core/plan/observed.ts';
import { isOurPort } from '../../core/plan/ownership.ts';

export function isOursPort(port: ObservedPort): boolean {
  return isOurPort(port);
}

/** Whether somebody has put our mark on a row that is not named as our ports are. */
export function isMarkedOnly(port: ObservedPort): boolean {
  return isOurs(port.externalIds) && !isOurPort(port);
}

/** What the marks say of a port's guest: `web1 (proxmox-qemu)`. */
export function guestOfPort({ externalIds }: ObservedPort): string {
  const { [OWNER_KEYS.guest]: guest = '?', [OWNER_KEYS.runtime]: runtime = '?' } = externalIds;
  return `${guest} (${runtime})`;
}

export function bootOfPort({ externalIds }: ObservedPort): string | undefined {
  return externalIds[OWNER_KEYS.boot];
}
