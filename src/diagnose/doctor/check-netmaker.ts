// Netmaker: whether the addresses that its containers get can be reached from outside at all; what stops them is the agent's to say.

import { documentationWarning } from '../../netmaker/address/pools.ts';
import type { DoctorFacts } from './facts.ts';
import { type Finding, findingsOf } from './finding.ts';

const { pass, warn } = findingsOf('Netmaker');

/** Silent where no container has an address: the pool that the package comes with is a documentation range. */
export function checkNetmaker({ hasNetmakerLease, inForce: { netmaker } }: DoctorFacts): Finding[] {
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
