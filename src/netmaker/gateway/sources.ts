// Which source addresses of the pools may come in by which device of the host: the sets and rules of `own_sources`.

import { ipFrom } from '../../core/lib/cidr.ts';
import { type AddressRange, parseRange } from '../address/pools.ts';
import { count, DROP, type Family, match, meta, type NamedSet, source } from './expressions.ts';
import type { Observed } from './observed.ts';
import type { GatewaySpec } from './spec.ts';
import { hasOthers } from './uplink.ts';

const DOCKER = 'docker_bridges';

/** For both families. */
export const dockerSet = ({ dockerBridges }: GatewaySpec): NamedSet => ({
  name: DOCKER,
  type: 'ifname',
  elem: [...new Set(dockerBridges)].sort(),
});

export function sourceSets(
  family: Family,
  spec: GatewaySpec,
  { links }: Pick<Observed, 'links'>,
): NamedSet[] {
  const set = (name: string, ranges: readonly string[]): NamedSet => ({
    name: `${name}${family}`,
    type: `ipv${family}_addr`,
    flags: ['interval'],
    'auto-merge': true,
    elem: ranges
      .flatMap((text) => parseRange(text) ?? [])
      .filter((range) => range.family === family)
      .map(element),
  });
  const subnets = (pools: GatewaySpec['pools']) => pools.map(({ subnet }) => subnet);
  return [
    set('pools', subnets(spec.pools)),
    set('alone', subnets(spec.pools.filter((pool) => !hasOthers(pool, spec, links)))),
    set('reserved', spec.reserved),
  ];
}

/**
 * What a container holds comes in by the bridge. What it does not hold is dropped where it cannot be somebody else's:
 * behind a bridge of Docker's, and anywhere if the pool is ours alone and the address is not reserved. A device by
 * which the host itself would send to the address is right in both cases: the administrator has put it there.
 */
export function sourceRules(family: Family, { bridge }: GatewaySpec): object[][] {
  const from = source(family);
  const elsewhere = match(meta('iifname'), { set: [bridge, 'lo'] }, '!=');
  // Missing: no route leads to the source by the device that the packet came in by.
  const noWayBack = match({ fib: { result: 'oif', flags: ['saddr', 'iif'] } }, false);
  const drop = (...matches: object[]) => [...matches, count('spoofed'), DROP];
  return [
    drop(elsewhere, match(from, `@containers${family}`)),
    drop(match(meta('iifname'), `@${DOCKER}`), match(from, `@pools${family}`), noWayBack),
    drop(elsewhere, match(from, `@alone${family}`), match(from, `@reserved${family}`, '!='), noWayBack),
  ];
}

function element({ family, first, last }: AddressRange): unknown {
  const [from, to] = [ipFrom(family, first).text, ipFrom(family, last).text];
  return from === to ? from : { range: [from, to] };
}
