// The section [ledger] of the configuration.

import { expect, it } from 'vitest';
import { ledgerSchema } from '../../../../src/core/ledger/config-section.ts';

it('has the ledger where docs and package say it is', () => {
  expect(ledgerSchema.parse({})).toMatchObject({
    ...{ path: '/var/lib/ovs-port-agent/ledger.jsonl', origin: '' },
    ...{ checkpoint_interval: 60, heartbeat: 3600 },
    ...{ segment_mib: 64, segment_days: 31, compress: true, keep_days: 0, keep_mib: 0 },
  });
});

it('takes no name for the ledger that cannot stand in a checkpoint', () => {
  for (const origin of ['a b', 'a+b', 'a\nb', 'x'.repeat(201)])
    expect(ledgerSchema.safeParse({ origin }).success).toBe(false);
  expect(ledgerSchema.parse({ origin: 'sigsum.org/v1/tree/{key}' }).origin).toBe('sigsum.org/v1/tree/{key}');
});
