// What the methods about the ledger answer; its shapes are those that clients of the older interface know. Descriptions are the
// tables of docs/dbus.md.

import { z } from 'zod';
import { importedShape } from '../../core/ledger/imported/actions.ts';
import type { Json } from '../../core/lib/json.ts';

const counts = z.record(z.string(), z.number());

/** `GetBlockchainStats`. */
export const ledgerStatsSchema = z.looseObject({
  total_blocks: z.number().describe('how many blocks there are'),
  last_timestamp: z.number().describe('time of the last block, seconds since 1970; 0 without a block'),
  categories: counts.describe('how many blocks each category has'),
  producers: counts.describe('how many blocks each producer has'),
  unique_users: z.array(z.string()).describe('the users that blocks name, without `system`'),
  head_hash: z.string().describe('hash of the last block, 64 hexadecimal digits'),
  first_timestamp: z
    .string()
    .nullable()
    .describe('time of the first block, RFC 3339; `null` without a block'),
  bytes: z.number().describe('size of the ledger, in bytes'),
});

/** `GetBlockByHash`. */
export const blockSchema = z.looseObject({
  timestamp: z.number().describe('time of the block, seconds since 1970'),
  height: z.number().describe('number of the block, from 1'),
  prev_hash: z.string().describe('hash of the block before it'),
  hash: z.string().describe('hash of this block'),
  producer: z.string().describe('which program wrote it'),
  category: z.string().describe('its [category](ledger.md)'),
  action: z.string().describe('what happened: its [action](ledger.md)'),
  user: z.string().describe('who had it done'),
  hostname: z.string().describe('name of the host'),
  pid: z.number().describe('process that had it done'),
  data: z
    .custom<Json>((value) => value !== undefined)
    .describe('what the action says: any JSON, [by action](ledger.md)'),
  metadata: z
    .record(z.string(), z.string())
    .describe('strings besides the data, such as `kind` and `event_id`: [format](ledger.md#a-line)'),
  signature: z.string().nullable().describe('always `null`'),
});

/** `GetBlocksByHeight`, `GetBlocksByCategory`. */
export const blocksSchema = z.array(blockSchema);

/** `GetBlocksPage`. */
export const blocksPageSchema = z.looseObject({
  blocks: blocksSchema.describe('the blocks of this page, by height'),
  next: z
    .number()
    .nullable()
    .describe('the `from` of the next page; `null` when there is no block behind this page'),
  head: z.number().describe('number of the last block of the ledger'),
});

/** `ImportLedger`. */
export const importSchema = z.looseObject({
  already: z.boolean().describe('whether it had been taken over before; then nothing was recorded'),
  height: z.number().describe('number of the block `ledger_imported`'),
  ...importedShape,
});
