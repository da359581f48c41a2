// The methods about the ledger: how many blocks, which, and whether the chain holds.

import { z } from 'zod';
import type { Config } from '../../core/config/config.ts';
import { type Ledger, readBlocks, renderFlat, verifyLedger } from '../../core/ledger/index.ts';
import { none, text } from '../arguments.ts';
import { jsonMethod, type Method, method } from '../method.ts';
import { noteHookscript } from './hookscript.ts';

export interface LedgerMethodParts {
  ledger: Ledger;
  config: Pick<Config, 'ledger'>;
}

/** Most blocks that one call may ask for. */
const BLOCKS_MAX = 10_000;
const height = z.coerce.number().int().nonnegative();

export function ledgerMethods({ ledger, config }: LedgerMethodParts): Method[] {
  return [
    noteHookscript(ledger),
    jsonMethod({
      name: 'get_blockchain_stats',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/ledger.ts')).ledgerStatsSchema,
      run: () => ledger.stats(),
    }),
    jsonMethod({
      name: 'get_blocks_by_height',
      in: [
        { name: 'start', type: 't' },
        { name: 'end', type: 't' },
      ],
      schema: z
        .tuple([height, height])
        .refine(([start, end]) => start <= end, 'start must not be after end')
        .refine(([start, end]) => end - start < BLOCKS_MAX, `at most ${BLOCKS_MAX} blocks at a time`),
      answer: async () => (await import('../answers/ledger.ts')).blocksSchema,
      run: async ([from, to]) => {
        const blocks = [];
        for await (const block of readBlocks(config.ledger.path, { from, to }))
          blocks.push(renderFlat(block));
        return blocks;
      },
    }),
    method({
      name: 'verify_blockchain_integrity',
      in: [],
      out: text('verdict'),
      schema: none,
      answer: () => z.enum(['Blockchain integrity: VALID', 'Blockchain integrity: INVALID']),
      run: async () => {
        const { verdict } = await verifyLedger(config.ledger.path, { knownHead: ledger.head() });
        return verdict === 'ok' ? 'Blockchain integrity: VALID' : 'Blockchain integrity: INVALID';
      },
    }),
  ];
}
