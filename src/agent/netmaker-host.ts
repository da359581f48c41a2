// Opens what makes the host the gateway of Netmaker's containers: leases, the host's rules, the responder.

import type { Bus } from '../core/bus/bus.ts';
import type { Config } from '../core/config/config.ts';
import { hostAddresses } from '../core/kernel/addresses.ts';
import type { Veths } from '../core/kernel/veth.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { pause } from '../core/lib/deadline.ts';
import type { Exec, Follow } from '../core/lib/exec.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import { addressesOfOthers, heldBy } from '../netmaker/address/claimed-addresses.ts';
import { insidePool } from '../netmaker/address/inside.ts';
import { type Leases, openLeases } from '../netmaker/address/leases.ts';
import { reservedRanges } from '../netmaker/address/pools.ts';
import { knownBridges } from '../netmaker/gateway/docker-bridges.ts';
import { openGateway } from '../netmaker/gateway/gateway.ts';
import { THIS_BOOT } from '../netmaker/gateway/place.ts';
import { openPublicNetwork } from '../netmaker/gateway/public-network.ts';
import { openResponder } from '../netmaker/stun/responder.ts';
import type { Pool } from '../netmaker/types.ts';
import type { openDocker } from '../runtimes/docker/engine.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { PendingRetries } from '../state/pending-retries.ts';

/** How long a look at the host waits at most for guests that are being attended to. */
const QUIET_MS = 1_000;

/** What it asks of the host and of the rest of the agent. */
export interface NetmakerParts {
  config: Config;
  bus: Pick<Bus, 'emit'>;
  exec: Exec;
  follow: Follow;
  ovsdb: OvsdbClient;
  docker: ReturnType<typeof openDocker>;
  desiredState: DesiredState;
  ledger: Ledger;
  pendingRetries: PendingRetries;
  veths: Veths;
  guestQueue: KeyedQueue;
  leasesPath: string;
  gatewayRecordPath: string;
  now: () => number;
  onProblem: (problem: string) => void;
  onError: (error: unknown) => void;
}

export function leasesOf(parts: NetmakerParts, pools: readonly Pool[]): Promise<Leases> {
  const { config, desiredState, now } = parts;
  const { netmaker: rules } = config;
  return openLeases({
    path: parts.leasesPath,
    pools,
    reserved: reservedRanges(rules),
    cooldownMs: rules.cooldown * 1000,
    misses: rules.misses,
    now,
    inUse: ({ key }) => new Set([...hostAddresses(), ...addressesOfOthers(desiredState, key)]),
    held: () => heldBy(desiredState, pools),
    onProblem: parts.onProblem,
  });
}

export function openHostParts(
  parts: NetmakerParts,
  {
    pools,
    ports,
    isAsked,
  }: {
    pools: readonly Pool[];
    ports: () => readonly DesiredPort[];
    /** Whether Docker has said what runs. */
    isAsked: () => boolean;
  },
) {
  const { config, exec, ledger, docker } = parts;
  const { netmaker: rules } = config;
  const enabled = rules.enabled && config.docker.enabled;
  const inside = rules.mode === 'nat1to1' ? insidePool(rules.inside) : undefined;
  const gateway = openGateway({
    exec,
    follow: parts.follow,
    recordPath: parts.gatewayRecordPath,
    bootId: THIS_BOOT,
    onProblem: parts.onProblem,
  });
  const publicNetwork = openPublicNetwork({
    gateway,
    spec: {
      mode: rules.mode,
      bridge: rules.bridge,
      pools: inside === undefined ? pools : [...pools, inside],
      uplink: rules.uplink,
      onLink: rules.on_link,
      isolate: rules.isolate,
      hostServices: rules.host_services,
      reserved: rules.reserved,
    },
    dockerBridges: knownBridges(docker.bridges),
    ledger,
    pendingRetries: parts.pendingRetries,
    ports,
    quiet: () => Promise.race([parts.guestQueue.idle(), pause(QUIET_MS)]),
    isKnown: () => !config.docker.enabled || isAsked(),
    onError: parts.onError,
  });
  const responder = openResponder({
    addresses: enabled && rules.responder ? pools.map((pool) => zoned(pool.gateway, rules.bridge)) : [],
    stunPort: rules.responder_stun_port,
    httpPort: rules.responder_http_port,
    onError: parts.onError,
  });
  return { gateway, publicNetwork, responder };
}

/** A link-local address says nothing without its link. */
const zoned = (address: string, link: string) =>
  address.startsWith('fe80:') ? `${address}%${link}` : address;
