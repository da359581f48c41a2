// What the ledger says of programs of others that write into it.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../../core/ledger/producer.ts';

const text = z.string();

export const EXTERNAL = {
  name: 'external',
  categories: ['lifecycle'],
  actions: actionsOf('lifecycle', {
    producer_started: z.strictObject({
      producer: text,
      path: text,
      kind: z.enum(['program', 'socket']),
      /** Of the program's file. */
      sha256: text.optional(),
      categories: z.array(text),
      actions: z.array(text),
      /** Of the first line that it said. */
      declaration_sha256: text,
      left_out: z.number().optional(),
    }),
    producer_ended: z.strictObject({
      producer: text,
      reason: text,
      /** Lines that were recorded, and lines that were not. */
      recorded: z.number(),
      rejected: z.number(),
      left_out: z.number().optional(),
    }),
    producer_refused: z.strictObject({ producer: text, path: text, reason: text }),
  }),
} satisfies LedgerProducer;
