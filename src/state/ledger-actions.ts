// What the ledger says of numbers that guests had.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../core/ledger/producer.ts';

export const VMIDS: LedgerProducer = {
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
};
