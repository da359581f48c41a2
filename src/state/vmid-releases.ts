// Which guests there are that may hold a number, and what the ledger says when numbers of others are released.

import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { DesiredState } from './desired-state.ts';
import { VMIDS } from './ledger-actions.ts';
import type { Existing, Released } from './vmids.ts';

/** Guests that one block names; how many there were it always says. */
const NAMED_MAX = 100;

export interface ExistingParts {
  config: { docker: { enabled: boolean } };
  docker: { names(): Promise<ReadonlyMap<string, readonly string[]>> };
  desiredState: Pick<DesiredState, 'all'>;
}

/** A container that exists holds its number also under the name that it had before it was renamed. */
export function existingContainers({ config, docker, desiredState }: ExistingParts): Existing {
  return async () => {
    const containers = config.docker.enabled ? await docker.names().catch(() => undefined) : undefined;
    if (containers === undefined) return undefined;
    const attached = desiredState
      .all()
      .flatMap(({ guest }) => (containers.has(guest.id ?? '') ? [guest.name] : []));
    return new Set([...[...containers.values()].flat(), ...attached]);
  };
}

export async function noteReleased(
  ledger: Pick<Ledger, 'append'>,
  released: readonly Released[],
): Promise<void> {
  const guests = released.slice(0, NAMED_MAX).map(({ runtime, name, vmid }) => ({ runtime, name, vmid }));
  await ledger.append(
    entryOf(VMIDS, {
      action: 'vmids_released',
      data: { reason: 'these guests are gone', count: released.length, guests },
    }),
  );
}
