// Checkpoints of a test's ledger, signed when the test says so: no timer comes in between, and nothing may go wrong.
import { expect } from 'vitest';
import { type Checkpoints, openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import type { LedgerWriter } from '../../../../src/core/ledger/index.ts';

/** Resolves when the ledger is signed as it is. */
export async function signing(
  ledger: LedgerWriter,
  path: string,
  origin = 'ledger.example',
): Promise<Checkpoints> {
  const checkpoints = openCheckpoints({
    ...{ ledger, path, hostname: 'pve1', machineId: 'a'.repeat(32), origin },
    ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: Date.now, mono: () => 1 },
    onError: (error: unknown) => expect(error).toBeUndefined(),
    onEpoch: () => undefined,
  });
  await checkpoints.started;
  return checkpoints;
}
