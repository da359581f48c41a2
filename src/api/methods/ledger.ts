// The methods about the ledger: how many blocks, which, whether the chain holds, and what others have recorded.

import { z } from 'zod';
import type { Config } from '../../core/config/config.ts';
import { verifyEvidence } from '../../core/ledger/checkpoint/verify-evidence.ts';
import type { Ledger } from '../../core/ledger/index.ts';
import { none, text } from '../arguments.ts';
import { jsonMethod, type Method, method } from '../method.ts';
import { addBlockchainData } from './add-data.ts';
import { blockQueries } from './block-queries.ts';
import { noteHookscript } from './hookscript.ts';
import { importLedger } from './import-ledger.ts';

export interface LedgerMethodParts {
  ledger: Ledger;
  config: {
    readonly ledger: Pick<Config['ledger'], 'path'>;
    readonly producers?: Pick<Config['producers'], 'redact'>;
  };
}

export function ledgerMethods({ ledger, config }: LedgerMethodParts): Method[] {
  return [
    noteHookscript(ledger),
    addBlockchainData(ledger, config?.producers?.redact),
    importLedger({ ledger, path: config?.ledger.path }),
    jsonMethod({
      name: 'get_blockchain_stats',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/ledger.ts')).ledgerStatsSchema,
      run: () => ledger.stats(),
    }),
    ...blockQueries({ ledger, path: config?.ledger.path }),
    method({
      name: 'verify_blockchain_integrity',
      in: [],
      out: text('verdict'),
      schema: none,
      answer: () => z.enum(['Blockchain integrity: VALID', 'Blockchain integrity: INVALID']),
      run: async () => {
        const { height: size, hash } = ledger.head();
        const known = [{ size, hash, from: 'the agent' }];
        const { verdict } = await verifyEvidence(config.ledger.path, { known, now: Date.now });
        return verdict === 'ok' ? 'Blockchain integrity: VALID' : 'Blockchain integrity: INVALID';
      },
    }),
  ];
}
