// What the ledger says of its own file.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from './producer.ts';

const kept = { bytes: z.number(), path: z.string(), sha256: z.string() };
const lost = z.strictObject({ known_height: z.number(), known_hash: z.string(), found_height: z.number() });

export const LEDGER_FILE = {
  name: 'ledger',
  categories: ['filesystem'],
  actions: actionsOf('filesystem', {
    ledger_torn_tail: z.strictObject({ ...kept, offset: z.number() }),
    ledger_set_aside: z.strictObject({
      ...kept,
      last_good_hash: z.string(),
      last_good_height: z.number(),
      reason: z.string(),
    }),
    ledger_missing: lost,
    ledger_diverged: lost,
    ledger_gap: z.strictObject({
      /** RFC 3339: the first append that failed, and when writing was possible again. */
      since: z.string(),
      until: z.string(),
      /** Appends that failed meanwhile. */
      failed: z.number(),
      error: z.string(),
    }),
  }),
} satisfies LedgerProducer;
