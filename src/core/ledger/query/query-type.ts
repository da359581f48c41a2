// What may be asked of a ledger.
import type { Want } from './wants.ts';

/** All of it must be so. Heights and times (milliseconds of the epoch) with both ends. */
export type Query = {
  from?: number;
  to?: number;
  since?: number;
  until?: number;
  wants?: readonly Want[];
};
