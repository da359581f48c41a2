// What the host shall be for the containers behind it, and the words in which it answers.

import type { PublishedAddress, ServiceRule } from '../../core/plan/port-security.ts';
import type { Pool, PublicMode } from '../types.ts';

export interface GatewaySpec {
  mode: PublicMode;
  /** OVS bridge of the containers; its internal port has the bridge's name. */
  bridge: string;
  /**
   * Pools that `published` come from. With `nat1to1` also the inside pool: a pool is on the bridge where it holds what
   * containers really have, and in front of the host where it holds what is published.
   */
  pools: readonly Pool[];
  /** What the administrator may have given to others: `ADDRESS`, `FIRST-LAST` or `NETWORK/PREFIX`. */
  reserved: readonly string[];
  /** Bridges of Docker's networks, by the names of their devices. */
  dockerBridges: readonly string[];
  /** Empty: everything is taken back. */
  published: readonly PublishedAddress[];
  /** A network device, or `auto`: that of the best default route of each family. */
  uplink: string;
  /** Whether the host answers ARP and ND for the addresses at the uplink; `auto`: where the pool lies in a subnet of it. */
  onLink: boolean | 'auto';
  /** Containers reach the gateway and what lies beyond, not each other. */
  isolate: boolean;
  /** What containers may open on the host itself. */
  hostServices: readonly ServiceRule[];
}

export interface GatewayChange {
  /** `hint`: nothing was changed; the administrator may want to know. */
  did: 'made' | 'undone' | 'hint';
  /** One line, such as `sysctl net/ipv4/conf/ovsbr1/forwarding 0 → 1`. */
  what: string;
}

/** Packets that our rules dropped since the table was first made. */
export interface GatewayCounters {
  /** Towards a container, what `allowIn` does not name. */
  refused: number;
  /** From a container to the host, what `hostServices` does not name. */
  refusedByHost: number;
  /** With a source address of a container or of its pool, by a device behind which it cannot be. */
  spoofed: number;
}

export interface Gateway {
  /**
   * Makes the host what the spec says and nothing else; idempotent. One at a time: of several that wait only the last
   * is carried out, and all of them get its result. Empty when nothing was to do. Throws `gateway-failed` naming what
   * could not be done; the rest is done then.
   */
  assert(spec: GatewaySpec): Promise<readonly GatewayChange[]>;
  /**
   * Closes addresses towards the outside at once, until `assert` opens what it shall, and keeps the host from answering
   * at their ports; no time for more. Without rules of ours there is nothing to do.
   */
  hold(published: readonly PublishedAddress[]): Promise<void>;
  /** What the last look found that is the administrator's to mend, one line each; empty: containers are reached. */
  hints(): readonly string[];
  /** Takes back what still is as we made it, also from the record of an earlier process. Throws `gateway-failed`. */
  undo(): Promise<readonly GatewayChange[]>;
  /** Zeros while nothing is published. Throws `exec-failed`. */
  counters(): Promise<GatewayCounters>;
  /** Calls back some 50 ms after links, addresses, routes, policy rules or firewall rules of the host changed. */
  onDisturbance(listener: () => void): void;
  /** Ends what `onDisturbance` started; the host stays as it is. */
  close(): void;
}
