// Guests that no daemon can tell us of: what was announced holds for as long as its network device exists.

import type { GuestRuntime } from '../core/guest/guest.ts';
import type { Claim } from '../state/desired-state.ts';
import type { Resolution } from './source.ts';

/** What `current` answers for such a runtime. */
export function retained(
  claims: readonly Claim[],
  runtime: GuestRuntime,
  links: ReadonlySet<string>,
): { key: string; resolution: Resolution }[] {
  return claims
    .filter((claim) => claim.guest.runtime === runtime)
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
