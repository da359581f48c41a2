// Guests that no daemon can tell us of: what was announced holds for as long as its network device exists.

import type { GuestRuntime } from '../core/guest/guest.ts';
import type { DesiredGuest } from '../state/desired-state.ts';
import type { Resolution } from './source.ts';

/** What `current` answers for such a runtime. */
export function retained(
  desiredGuests: readonly DesiredGuest[],
  runtime: GuestRuntime,
  links: ReadonlySet<string>,
): { key: string; resolution: Resolution }[] {
  return desiredGuests
    .filter((desiredGuest) => desiredGuest.guest.runtime === runtime)
    .map(({ key, guest, ports }) => ({
      key,
      resolution: {
        guest,
        ports: ports.filter((port) => links.has(port.interface)),
        skipped: [],
        note: 'its network device is gone',
      },
    }));
}
