// What the methods about the ledger answer; its shapes are those that clients of the older interface know.

import { z } from 'zod';
import type { Json } from '../../core/lib/json.ts';

const counts = z.record(z.string(), z.number());

/** `GetBlockchainStats`. */
export const ledgerStatsSchema = z.looseObject({
  total_blocks: z.number(),
  /** Seconds since the epoch; 0 when there is no block. */
  last_timestamp: z.number(),
  categories: counts,
  producers: counts,
  unique_users: z.array(z.string()),
  head_hash: z.string(),
  /** RFC 3339; null when there is no block. */
  first_timestamp: z.string().nullable(),
  bytes: z.number(),
});

/** `GetBlocksByHeight`. */
export const blocksSchema = z.array(
  z.looseObject({
    /** Seconds since the epoch. */
    timestamp: z.number(),
    height: z.number(),
    prev_hash: z.string(),
    hash: z.string(),
    producer: z.string(),
    category: z.string(),
    action: z.string(),
    user: z.string(),
    hostname: z.string(),
    pid: z.number(),
    data: z.custom<Json>((value) => value !== undefined),
    metadata: z.record(z.string(), z.string()),
    signature: z.string().nullable(),
  }),
);
