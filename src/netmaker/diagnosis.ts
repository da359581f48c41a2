// Netmaker: whether the addresses that its containers get can be reached from outside at all; what stops them is the agent's to say.

import { type Finding, findingsOf } from '../core/lib/finding.ts';
import { documentationWarning } from './address/pools.ts';

import type { NetmakerSection } from './config-section.ts';

const { pass, warn } = findingsOf('Netmaker');

export interface NetmakerHost {
  inForce: { netmaker: NetmakerSection };
  /** Whether a container has an address of a pool. */
  hasNetmakerLease: boolean;
}

/** Silent where no container has an address: the pool that the package comes with is a documentation range. */
export function checkNetmaker({ hasNetmakerLease, inForce: { netmaker } }: NetmakerHost): Finding[] {
  if (!netmaker.enabled || !hasNetmakerLease) return [];
  return checkPools(netmaker.pools);
}

function checkPools(pools: readonly string[]): Finding[] {
  const warning = documentationWarning(pools);
  if (warning === undefined) return [pass('pools', 'the pools are no documentation ranges')];
  return [
    warn('pools', warning, {
      remedy: 'set pools in [netmaker] to addresses that are routed to this host, or free in its subnet',
    }),
  ];
}
