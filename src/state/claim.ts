// What one guest asks for.

import type { Guest } from '../core/guest/guest.ts';
import type { DesiredPort } from '../core/plan/desired.ts';

/** One guest's ports. `key` is that of its events (`guestKeyOf`). */
export interface DesiredGuest {
  key: string;
  guest: Guest;
  ports: readonly DesiredPort[];
}
