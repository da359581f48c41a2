// What `netmaker list` and `netmaker status` are told: Docker's containers joined with leases, ports, rules and mesh.

import type { Config } from '../core/config/config.ts';
import type { Leases } from '../netmaker/address/leases.ts';
import { documentationWarning } from '../netmaker/address/pools.ts';
import { publicAddressesOf } from '../netmaker/address/public-addresses.ts';
import type { Counts } from '../netmaker/port-security/counts.ts';
import type { SecuredPorts } from '../netmaker/port-security/secured-ports.ts';
import { type ContainerReport, containerReport } from '../netmaker/report.ts';
import type { Attested } from '../netmaker/stun/attest-containers.ts';
import type { Pool } from '../netmaker/types.ts';
import type { MeshWatch } from '../netmaker/wireguard/watch.ts';
import { containerName, type DockerContainer, decideAttach } from '../runtimes/docker/attach.ts';
import type { DockerSource } from '../runtimes/docker/source.ts';
import type { Binding, DesiredState } from '../state/desired-state.ts';
import type { NetmakerStatus } from './answers/netmaker.ts';
import type { Answered } from './method.ts';

export interface ReportParts {
  config: Config;
  pools: readonly Pool[];
  inspect: (id: string) => Promise<DockerContainer | undefined>;
  existing: () => Promise<string[]>;
  desiredState: DesiredState;
  leases: Leases;
  securedPorts: SecuredPorts;
  problemOf: DockerSource['problemOf'];
  /** Why a port that is asked for is not there. */
  pendingRetryOf: (port: string) => string | undefined;
  /** Whether all public addresses were taken back. */
  isWithdrawn: () => boolean;
  mesh: () => MeshWatch | undefined;
  attested: (id: string) => Attested | undefined;
  now: () => number;
}

/** Every container that Docker has, those that do not run only where they would be Netmaker's. Throws `docker-unreachable`. */
export async function reportContainers(parts: ReportParts): Promise<ContainerReport[]> {
  const { desiredState, securedPorts } = parts;
  const bindings = new Map(
    desiredState.bindings().flatMap((entry) => (entry.id === undefined ? [] : [[entry.id, entry]])),
  );
  const ports = desiredState.all().flatMap(({ ports }) => ports);
  const bridges = new Set(ports.flatMap(({ bridge, portSecurity }) => (portSecurity ? [bridge] : [])));
  const counted = new Map<number, Counts>();
  for (const bridge of bridges) {
    // Numbers that cannot be had are no reason not to tell the rest.
    const found = await securedPorts.counters(bridge).catch(() => undefined);
    for (const [vmid, counters] of found ?? []) counted.set(vmid, counters);
  }
  const containers = await Promise.all((await parts.existing()).map(parts.inspect));
  return containers
    .flatMap((container) => (container === undefined ? [] : [reportOf(container, parts, bindings, counted)]))
    .sort((a, b) => (a.container < b.container ? -1 : 1));
}

function reportOf(
  container: DockerContainer,
  parts: ReportParts,
  bindings: ReadonlyMap<string, Binding>,
  counted: ReadonlyMap<number, Counts>,
): ContainerReport {
  const { config, leases } = parts;
  const { Id: id } = container;
  const decision = decideAttach(container, { ...config.docker, netmaker: config.netmaker });
  const binding = bindings.get(id);
  const isNetmaker = decision.role !== undefined || (!decision.attach && decision.considered);
  const addresses = publicAddressesOf(binding ?? {});
  const desiredGuest = parts.desiredState.get(`docker:${id}`);
  const portName = desiredGuest?.ports[0]?.port;
  const counters = desiredGuest && counted.get(desiredGuest.guest.vmid);
  const isTakenBack = decision.attach && binding === undefined && parts.isWithdrawn();
  const problem =
    parts.problemOf(id) ?? (portName === undefined ? undefined : parts.pendingRetryOf(portName));
  return containerReport(
    {
      container: containerName(container),
      id,
      image: container.Config.Image,
      role: decision.role,
      decision: !isNetmaker
        ? 'not-netmaker'
        : !decision.attach
          ? 'skipped'
          : binding === undefined
            ? 'waiting'
            : 'attached',
      reason: problem ?? (isTakenBack ? 'public addresses are taken back' : decision.reason),
      mode: config.netmaker.mode,
      port: binding?.port,
      bridge: binding?.bridge,
      addresses: addresses.own,
      group:
        binding?.group === undefined
          ? undefined
          : {
              name: binding.group,
              addresses: (leases.of(`group:${binding.group}`)?.addresses ?? []).map(({ address }) => address),
              holder: addresses.shared.length > 0,
            },
      spoofed: counters?.spoofed,
      refused: counters?.refused,
      mesh: parts.mesh()?.values(id),
      attested: parts.attested(id),
    },
    parts.now(),
  );
}

export interface StatusParts {
  config: Config;
  pools: readonly Pool[];
  leases: Leases;
  published: () => readonly { address: string }[];
  pendingRetry: () => { code: string; reason: string } | undefined;
  counters: () => Promise<{ refused: number; refusedByHost: number; spoofed: number }>;
  listening: () => readonly string[];
}

/** The whole of it in a few lines: pools, leases, the host's part. */
export async function reportNetmaker(parts: StatusParts): Promise<Answered<NetmakerStatus>> {
  const { config, pools, leases } = parts;
  const { enabled, mode, bridge, isolate, allow_in: allowIn } = config.netmaker;
  const published = parts.published().map(({ address }) => address);
  const counters = published.length === 0 ? undefined : await parts.counters().catch(() => undefined);
  const pendingRetry = parts.pendingRetry();
  return {
    enabled,
    mode,
    bridge,
    pools: pools.map(({ subnet, gateway, prefix }) => ({ subnet, gateway, prefix })),
    warning: documentationWarning(config.netmaker.pools) ?? null,
    leases: leases.all().length,
    isolate,
    allow_in: [...allowIn],
    gateway: {
      published,
      problem: pendingRetry?.reason ?? null,
      problem_code: pendingRetry?.code ?? null,
      refused: counters?.refused ?? null,
      refused_by_host: counters?.refusedByHost ?? null,
      spoofed: counters?.spoofed ?? null,
    },
    responder: [...parts.listening()],
  };
}
