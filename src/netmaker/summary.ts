// What `status` says of Netmaker's containers, and the warning that the journal gets.

import { documentationWarning } from './address/pools.ts';
import type { NetmakerSection } from './config-section.ts';

export interface SummaryParts {
  config: { netmaker: NetmakerSection; docker: { enabled: boolean } };
  /** How many addresses containers and groups hold. */
  addresses: number;
  /** Whether all of them were taken back, until the agent starts anew. */
  withdrawn: boolean;
  /** How many of them the host makes reachable: those of containers that run; none in mode `l2`. */
  published: number;
  /** What keeps the host from being the gateway. */
  pendingRetry: { code: string; reason: string } | undefined;
  /** What keeps them from being reached although the host is the gateway, one line each. */
  hints: readonly string[];
}

/** The value of the key `netmaker` of `get_status`; all keys are always there. */
export function summarize({ config, addresses, withdrawn, published, pendingRetry, hints }: SummaryParts) {
  const { enabled, mode, pools } = config.netmaker;
  return {
    enabled: enabled && config.docker.enabled,
    mode,
    pools: [...pools],
    addresses,
    withdrawn,
    published,
    warning: warningFor(pools, addresses) ?? null,
    problem: pendingRetry?.reason ?? null,
    problem_code: pendingRetry?.code ?? null,
    hints: [...hints],
  };
}

/** Nobody is bothered with the default pool who has no container in it. */
function warningFor(pools: readonly string[], addresses: number): string | undefined {
  return addresses > 0 ? documentationWarning(pools) : undefined;
}

/** A function that gives the warning to `say` once, as soon as somebody has an address. */
export function openWarning(pools: readonly string[], say: (warning: string) => void) {
  let warned = false;
  return (addresses: number): void => {
    const warning = warned ? undefined : warningFor(pools, addresses);
    if (warning === undefined) return;
    warned = true;
    say(warning);
  };
}
