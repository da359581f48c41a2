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

export function bootOfPort({ externalIds }: ObservedPort): string | undefined {
  return externalIds[OWNER_KEYS.boot];
}
