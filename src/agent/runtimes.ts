// The runtimes, one line each: what each gets besides what all get.

import { listenToDocker } from '../../hooks/docker/listener.ts';
import { noteRestoredName, restoreGuestNames } from '../reconcile/restore-names.ts';
import type { DockerConnection } from '../runtimes/docker/engine.ts';
import type { NetmakerEndpoints } from '../runtimes/docker/netmaker-endpoints.ts';
import { openDockerRuntime } from '../runtimes/docker/runtime.ts';
import type { RuntimeHost } from '../runtimes/host.ts';
import type { LxcContainers } from '../runtimes/lxc/containers.ts';
import { openLxc } from '../runtimes/lxc/runtime.ts';
import { openManual } from '../runtimes/manual/runtime.ts';
import { openProxmox, type ProxmoxRuntimeParts } from '../runtimes/proxmox/runtime.ts';
import type { Runtimes } from '../runtimes/runtime.ts';
import type { HostParts } from './build-host.ts';
import { PLACES } from './places.ts';

export type OpenRuntimes = ReturnType<typeof openRuntimes>;

interface Engines {
  docker: DockerConnection;
  lxcContainers: LxcContainers;
  /** What Netmaker's containers get; undefined when the configuration leaves them out. */
  endpoints: NetmakerEndpoints | undefined;
}

/** In the order in which they are looked at, started and closed. The type checker asks for a line of each. */
export function openRuntimes(parts: HostParts & RuntimeHost<HostParts['config']>, engines: Engines) {
  const { docker: engine, lxcContainers: containers, endpoints } = engines;
  const { machineId } = parts.host;
  const { knownGuests, dockerCursor: cursorPath } = PLACES;
  const proxmox = openProxmox(parts, { knownGuests, restoreNames: restoreNamesOf(parts) });
  const { container: proxmoxContainer, starts: onProxmoxStart } = proxmox;
  return {
    proxmox,
    // Proxmox's own containers run LXC's hooks, too.
    lxc: openLxc(parts, { containers, proxmoxContainer, onProxmoxStart }),
    docker: openDockerRuntime(parts, { engine, endpoints, machineId, cursorPath, listen: listenToDocker }),
    manual: openManual(parts),
  } satisfies Runtimes;
}

function restoreNamesOf(parts: HostParts & RuntimeHost): ProxmoxRuntimeParts['restoreNames'] {
  const { ovsdb, drivers, ledger, desiredState, now } = parts;
  const onNameRestored = noteRestoredName(desiredState, now);
  return (vmid, reason) => restoreGuestNames({ ovsdb, drivers, ledger, onNameRestored }, vmid, reason);
}
