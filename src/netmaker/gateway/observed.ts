// What a host is like, as far as the gateway needs to know: plain data, so that deciding touches nothing.

import type { DefaultRoute } from '../../core/kernel/routes.ts';
import type { HostLinks } from './uplink.ts';

/** What stops it: where, and by which kind of words. */
export interface Obstacle {
  family: 4 | 6;
  direction: 'out' | 'in';
  /** `inet filter FORWARD`: family, table and chain. */
  chain: string;
  verdict: 'drop' | 'reject' | 'policy drop';
}

export interface PolicyRule {
  table: number;
  iif?: string;
  oif?: string;
}

export interface Observed {
  links: HostLinks;
  defaults: readonly DefaultRoute[];
  policyRules: Readonly<Record<4 | 6, readonly PolicyRule[]>>;
  /** Keys (`keyOf`) of the routes, proxy entries and exceptions that are there. */
  present: ReadonlySet<string>;
  /** By path below /proc/sys; what the kernel does not have is not in it. */
  sysctls: ReadonlyMap<string, string>;
  /** Digest of our nftables table, undefined where there is none. */
  table: string | undefined;
  /** Whether Docker's chain for administrators is there. */
  dockerUser: Readonly<Record<4 | 6, boolean>>;
  /** What the firewall of somebody else stops of the pools' connections; undefined: its rules cannot be read. */
  obstacles: readonly Obstacle[] | undefined;
}
