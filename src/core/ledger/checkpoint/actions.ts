// What the ledger says of its own checkpoints, keys and epochs.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../producer.ts';

const text = z.string();
const head = z.strictObject({ origin: text, size: z.number(), root: text });

/** Why an epoch begins. */
export const EPOCH_REASONS = [
  'first',
  'key-lost',
  'record-lost',
  'origin-changed',
  'other-machine',
  'rolled-back',
  'witness-ahead',
] as const;
export type EpochReason = (typeof EPOCH_REASONS)[number];

export const LEDGER_EVIDENCE = {
  name: 'evidence',
  categories: ['filesystem'],
  actions: actionsOf('filesystem', {
    ledger_epoch_begun: z.strictObject({
      epoch: z.number(),
      origin: text,
      key: text,
      why: z.enum(EPOCH_REASONS),
      /** What the epoch before had come to, as far as anybody knows. */
      parent: head.nullable(),
      /** Blocks that were there when it began. */
      blocks: z.number(),
      /** Of the checkpoints of the epoch before, the most blocks that one covers and that are still so. */
      common: z.number(),
      /** Who has seen more of it, and how many blocks. */
      witness: text.optional(),
      witnessed: z.number().optional(),
    }),
    ledger_key_rotated: z.strictObject({ origin: text, former: text, key: text }),
    ledger_checkpoints_thinned: z.strictObject({
      /** How many are gone from now on, and the most blocks that one of them covers. */
      dropped: z.number(),
      up_to: z.number(),
      /** The file of checkpoints as it was. */
      bytes: z.number(),
      sha256: text,
    }),
    ledger_heartbeat: z.strictObject({
      /** From 1 at each start of the agent. */
      beat: z.number(),
      /** Seconds until the next. */
      every_s: z.number(),
      /** Seconds since boot, of a clock that nobody sets. */
      mono_s: z.number(),
      /** The newest checkpoint, when there is one. */
      checkpoint: z.number().nullable(),
    }),
  }),
} satisfies LedgerProducer;
