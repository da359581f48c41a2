// What the D-Bus service answers of Netmaker: of each container, and of the host that is their gateway.

import { reportContainers, reportNetmaker } from '../api/netmaker-report.ts';
import type { Config } from '../core/config/config.ts';
import type { Leases } from '../netmaker/address/leases.ts';
import type { PublicNetwork } from '../netmaker/gateway/public-network.ts';
import type { Gateway } from '../netmaker/gateway/spec.ts';
import type { SecuredPorts } from '../netmaker/port-security/secured-ports.ts';
import type { openAttestor } from '../netmaker/stun/attest-containers.ts';
import type { openResponder } from '../netmaker/stun/responder.ts';
import type { Pool } from '../netmaker/types.ts';
import type { MeshWatch } from '../netmaker/wireguard/watch.ts';
import type { DockerConnection } from '../runtimes/docker/engine.ts';
import type { DockerSource } from '../runtimes/docker/source.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { PendingRetries, PendingRetry } from '../state/pending-retries.ts';

interface AnswerParts {
  config: Config;
  pools: readonly Pool[];
  leases: Leases;
  securedPorts: SecuredPorts;
  gateway: Gateway;
  publicNetwork: PublicNetwork;
  responder: ReturnType<typeof openResponder>;
  attestor: ReturnType<typeof openAttestor>;
  docker: DockerConnection;
  desiredState: DesiredState;
  pendingRetries: PendingRetries;
  /** What keeps the host from being the gateway. */
  pendingRetry: () => PendingRetry | undefined;
  problemOf: DockerSource['problemOf'];
  isWithdrawn: () => boolean;
  mesh: () => MeshWatch | undefined;
  now: () => number;
}

export function answersOf(parts: AnswerParts) {
  const { config, pools, leases, securedPorts, gateway, publicNetwork, responder, attestor, docker } = parts;
  const { desiredState, pendingRetries, pendingRetry, problemOf, isWithdrawn, mesh, now } = parts;
  return {
    containers: () =>
      reportContainers({
        config,
        pools,
        inspect: docker.inspect,
        existing: docker.existing,
        desiredState,
        leases,
        securedPorts,
        problemOf,
        pendingRetryOf: (port) => pendingRetries.all().find((found) => found.port === port)?.reason,
        isWithdrawn,
        mesh,
        attested: attestor.last,
        now,
      }),
    status: () =>
      reportNetmaker({
        config,
        pools,
        leases,
        published: publicNetwork.published,
        pendingRetry,
        counters: gateway.counters,
        listening: responder.listening,
      }),
  };
}
