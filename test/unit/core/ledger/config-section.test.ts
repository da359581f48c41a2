// The section [ledger] of the configuration.

import { expect, it } from 'vitest';
import { ledgerSchema } from '../../../../src/core/ledger/config-section.ts';

it('has the ledger where docs and package say it is', () => {
  expect(ledgerSchema.parse({})).toEqual({ path: '/var/lib/ovs-port-agent/ledger.jsonl' });
});
