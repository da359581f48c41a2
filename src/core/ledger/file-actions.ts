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
    ledger_bodies_dropped: z.strictObject({
      /** Heights of the first and the last block that have no body from now on, and the hash of the last. */
      from: z.number(),
      to: z.number(),
      last_hash: z.string(),
      /** The file as it was, by its path from the ledger's directory on. */
      file: z.string(),
      bytes: z.number(),
      sha256: z.string(),
    }),
    ledger_segment_changed: z.strictObject({ file: z.string(), what: z.string() }),
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
