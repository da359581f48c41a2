// What the ledger says of numbers that guests had, and of a look at all guests.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../core/ledger/producer.ts';

export const VMIDS = {
  name: 'vmids',
  categories: ['lifecycle'],
  actions: actionsOf('lifecycle', {
    vmids_released: z.strictObject({
      reason: z.string(),
      /** Of all; `guests` names 100 at most. */
      count: z.number(),
      guests: z.array(z.strictObject({ runtime: z.string(), name: z.string(), vmid: z.number() })),
    }),
  }),
} satisfies LedgerProducer;

/** Whatever changes of itself leads to one, also below `src/reconcile`. */
export const RECONCILES = {
  name: 'reconciles',
  categories: ['lifecycle'],
  actions: actionsOf('lifecycle', { reconcile: z.strictObject({ reason: z.string() }) }),
} satisfies LedgerProducer;
