// What the D-Bus service answers of Netmaker: of each container, and of the host that is their gateway.

import { reportContainers, reportNetmaker } from '../api/netmaker-report.ts';
import type { Config } from '../core/config/config.ts';
import type { Leases } from '../netmaker/address/leases.ts';
import type { PublicNetwork } from '../netmaker/gateway/public-network.ts';
import type { Gateway } from '../netmaker/gateway/spec.ts';
import type { Guards } from '../netmaker/port-security/secured-ports.ts';
import type { openAttestor } from '../netmaker/stun/attest-containers.ts';
import type { openResponder } from '../netmaker/stun/responder.ts';
import type { Pool } from '../netmaker/types.ts';
import type { MeshWatch } from '../netmaker/wireguard/watch.ts';
import type { DockerConnection } from '../runtimes/docker/engine.ts';
import type { DockerSource } from '../runtimes/docker/source.ts';
import type { Claims } from '../state/desired-state.ts';
import type { Trouble, Troubles } from '../state/pending-retries.ts';

interface AnswerParts {
  config: Config;
  pools: readonly Pool[];
  leases: Leases;
  guards: Guards;
  gateway: Gateway;
  publicNetwork: PublicNetwork;
  responder: ReturnType<typeof openResponder>;
  attestor: ReturnType<typeof openAttestor>;
  docker: DockerConnection;
  claims: Claims;
  troubles: Troubles;
  /** What keeps the host from being the gateway. */
  trouble: () => Trouble | undefined;
  problemOf: DockerSource['problemOf'];
  isWithdrawn: () => boolean;
  mesh: () => MeshWatch | undefined;
  now: () => number;
}

export function answersOf(parts: AnswerParts) {
  const { config, pools, leases, guards, gateway, publicNetwork, responder, attestor, docker } = parts;
  const { claims, troubles, trouble, problemOf, isWithdrawn, mesh, now } = parts;
  return {
    containers: () =>
      reportContainers({
        config,
        pools,
        inspect: docker.inspect,
        existing: docker.existing,
        claims,
        leases,
        guards,
        problemOf,
        troubleOf: (port) => troubles.all().find((found) => found.port === port)?.reason,
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
        trouble,
        counters: gateway.counters,
        listening: responder.listening,
      }),
  };
}
