// Netmaker: whether the addresses that its containers have can be reached from outside.

import { documentationWarning } from '../../netmaker/address/pools.ts';
import type { DoctorFacts } from './facts.ts';
import { type Finding, findingsOf } from './finding.ts';

const { fail, pass, warn } = findingsOf('Netmaker');

/** Silent where no container has an address: the pool that the package comes with is a documentation range. */
export function checkNetmaker({ hasNetmakerLease, inForce: { netmaker }, agent }: DoctorFacts): Finding[] {
  if (!netmaker.enabled || !hasNetmakerLease) return [];
  const unreached = (agent.ok ? agent.value.unreached : undefined) ?? [];
  return [
    ...checkPools(netmaker.pools),
    ...unreached.map((text) => fail('reach', `Public addresses cannot be reached: ${text}`)),
  ];
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
