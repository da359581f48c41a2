// Opens the VMIDs of guests that come without one, with everybody whose numbers must not be given out twice.

import { observePorts } from '../core/drivers/ovsdb/observe.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { OWNER_KEYS } from '../core/plan/observed.ts';
import type { DockerConnection } from '../runtimes/docker/engine.ts';
import type { LxcContainers } from '../runtimes/lxc/containers.ts';
import { takenVmids } from '../runtimes/proxmox/config/taken-vmids.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { existingContainers, noteReleased } from '../state/vmid-releases.ts';
import { openVmids, type Vmids } from '../state/vmids.ts';
import type { HostParts } from './build-host.ts';
import { PLACES } from './places.ts';

interface NumberedGuests {
  desiredState: DesiredState;
  docker: DockerConnection;
  lxcContainers: LxcContainers;
}

export function openNumbers(parts: HostParts, guests: NumberedGuests): Promise<Vmids> {
  const { config, ledger, ovsdb, now, log, onError } = parts;
  const { desiredState, docker, lxcContainers } = guests;
  return openVmids({
    path: PLACES.vmids,
    config,
    now,
    takenElsewhere: () => takenVmids(config.proxmox),
    portVmids: () => vmidsOfPorts(ovsdb),
    existing: { docker: existingContainers({ config, docker, desiredState }), lxc: lxcContainers.names },
    onReleased: (released) => void noteReleased(ledger, released).catch(onError),
    onProblem: log.warning,
  });
}

function vmidsOfPorts(ovsdb: OvsdbClient): { vmid: number; runtime: string; name: string }[] {
  return observePorts(ovsdb.replica).flatMap(({ externalIds }) => {
    const vmid = Number(externalIds[OWNER_KEYS.vmid]);
    const { [OWNER_KEYS.runtime]: runtime = '', [OWNER_KEYS.guest]: name = '' } = externalIds;
    return Number.isInteger(vmid) ? [{ vmid, runtime, name }] : [];
  });
}
