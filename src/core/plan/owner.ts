// The marks that make a row of OVSDB ours and say whose port it is.

import type { DesiredPort } from './desired.ts';
import { OWNER_KEYS } from './observed.ts';

/** external_ids for Port and Interface of a guest. */
export function externalIdsOf(desired: DesiredPort, bootId: string): Record<string, string> {
  return {
    [OWNER_KEYS.vmid]: String(desired.guest.vmid),
    [OWNER_KEYS.guest]: desired.guest.name,
    [OWNER_KEYS.runtime]: desired.guest.runtime,
    [OWNER_KEYS.nic]: String(desired.nic),
    [OWNER_KEYS.boot]: bootId,
    ...(desired.guest.id === undefined ? {} : { [OWNER_KEYS.id]: desired.guest.id }),
    ...(desired.row === undefined ? {} : { [OWNER_KEYS.port]: desired.port }),
  };
}
