// Frees the addresses of containers that are gone without an event that says so.

import { entryOf } from '../../core/ledger/producer.ts';
import type { Ledger } from '../../core/ledger/writer.ts';
import type { DesiredState } from '../../state/desired-state.ts';
import { PUBLIC_ADDRESSES } from '../ledger-actions.ts';
import { groupKeys } from './claimed-addresses.ts';
import type { Leases } from './leases.ts';

export interface ReconcileLeasesParts {
  leases: Pick<Leases, 'reconcile'>;
  docker: { existing(): Promise<Iterable<string>> };
  desiredState: DesiredState;
  ledger: Pick<Ledger, 'append'>;
  onError: (error: unknown) => void;
}

/** Does not throw: what goes wrong is tried again at the next look. */
export async function reconcileLeases({
  leases,
  docker,
  desiredState,
  ledger,
  onError,
}: ReconcileLeasesParts): Promise<void> {
  try {
    const released = await leases.reconcile(async () => {
      const existing = await docker.existing().catch(() => undefined);
      return existing && new Set([...existing, ...groupKeys(desiredState)]);
    });
    for (const key of released) {
      await ledger.append(entryOf(PUBLIC_ADDRESSES, { action: 'lease_released', data: { key } }));
    }
  } catch (error) {
    onError(error);
  }
}
