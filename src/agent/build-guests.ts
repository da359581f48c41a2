// Builds what the agent knows the guests by: who runs, what each should have, its number and its addresses.

import { openDocker } from '../runtimes/docker/engine.ts';
import { openLxcContainers } from '../runtimes/lxc/containers.ts';
import type { HostParts } from './build-host.ts';
import { openMemory } from './open-memory.ts';
import { openNetmaker } from './open-netmaker.ts';
import { openNumbers } from './open-numbers.ts';
import { PLACES } from './places.ts';
import type { Requests } from './requests.ts';
import { openRuntimes } from './runtimes.ts';

export type GuestParts = Awaited<ReturnType<typeof buildGuests>>;

export async function buildGuests(parts: HostParts, requests: Requests) {
  const { config, log } = parts;
  const memory = await openMemory(parts);
  const docker = openDocker(config.docker.socket, { imageLabels: config.docker.image_labels });
  const lxcContainers = openLxcContainers({ root: config.lxc.root });
  const vmids = await openNumbers(parts, { ...memory, docker, lxcContainers });
  const netmaker = await openNetmaker({
    ...parts,
    ...memory,
    docker,
    leasesPath: PLACES.leases,
    gatewayRecordPath: PLACES.gatewayRecord,
    onProblem: log.warning,
  });
  const { endpoints } = netmaker;
  const runtimes = openRuntimes(
    { ...parts, ...memory, vmids, requests },
    { docker, lxcContainers, endpoints },
  );
  return { ...memory, docker, lxcContainers, vmids, netmaker, runtimes };
}
