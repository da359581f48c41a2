// Builds what the agent knows the guests by: who runs, what each should have, its number and its addresses.

import { observePorts } from '../core/drivers/ovsdb/observe.ts';
import { tail } from '../core/ledger/index.ts';
import { keyedQueue } from '../core/lib/keyed-queue.ts';
import { OWNER_KEYS } from '../core/plan/observed.ts';
import { knownEvents } from '../reconcile/known-events.ts';
import { noteRestoredName, restoreGuestNames } from '../reconcile/restore-names.ts';
import { openDocker } from '../runtimes/docker/engine.ts';
import { openLxcContainers } from '../runtimes/lxc/containers.ts';
import { takenVmids } from '../runtimes/proxmox/config/taken-vmids.ts';
import { openProxmoxLocks } from '../runtimes/proxmox/locks.ts';
import { loadDesiredState } from '../state/desired-state.ts';
import { openPendingRetries } from '../state/pending-retries.ts';
import { existingContainers, noteReleased } from '../state/vmid-releases.ts';
import { openVmids } from '../state/vmids.ts';
import type { HostParts } from './build-host.ts';
import { openNetmaker } from './open-netmaker.ts';
import { PLACES } from './places.ts';
import type { Requests } from './requests.ts';
import { openSources } from './sources.ts';

const GUESTS_AT_ONCE = 8;
/** Blocks to look through for events that were handled just before a restart. */
const REMEMBERED_BLOCKS = 5_000;

export type GuestParts = Awaited<ReturnType<typeof buildGuests>>;

export async function buildGuests(parts: HostParts, requests: Requests) {
  const { config, bus, ledger, ovsdb, drivers, veths, host, log, now, steady, exec, follow, onError } = parts;
  const desiredState = await loadDesiredState(PLACES.bindings, log.warning);
  const pendingRetries = openPendingRetries(steady);
  const recent = await tail(config.ledger.path, REMEMBERED_BLOCKS);
  const known = knownEvents(recent.flatMap((block) => block.metadata.event_id ?? []));
  const docker = openDocker(config.docker.socket, { imageLabels: config.docker.image_labels });
  const lxcContainers = openLxcContainers({ root: config.lxc.root });
  const vmids = await openVmids({
    path: PLACES.vmids,
    config,
    now,
    takenElsewhere: () => takenVmids(config.proxmox),
    portVmids: () =>
      observePorts(ovsdb.replica).flatMap(({ externalIds }) => {
        const vmid = Number(externalIds[OWNER_KEYS.vmid]);
        const { [OWNER_KEYS.runtime]: runtime = '', [OWNER_KEYS.guest]: name = '' } = externalIds;
        return Number.isInteger(vmid) ? [{ vmid, runtime, name }] : [];
      }),
    existing: { docker: existingContainers({ config, docker, desiredState }), lxc: lxcContainers.names },
    onReleased: (released) => void noteReleased(ledger, released).catch(onError),
    onProblem: log.warning,
  });

  const guestQueue = keyedQueue(GUESTS_AT_ONCE);
  const netmaker = await openNetmaker({
    config,
    bus,
    exec,
    follow,
    ovsdb,
    docker,
    desiredState,
    ledger,
    pendingRetries,
    veths,
    guestQueue,
    leasesPath: PLACES.leases,
    gatewayRecordPath: PLACES.gatewayRecord,
    now,
    onProblem: log.warning,
    onError,
  });
  const locks = openProxmoxLocks({
    config,
    follow,
    ovsdb,
    restoreNames: (vmid, reason) =>
      restoreGuestNames(
        { ovsdb, drivers, ledger, onNameRestored: noteRestoredName(desiredState, now) },
        vmid,
        reason,
      ),
    resync: requests.resync,
    onChange: requests.soon,
    now,
    onError,
  });
  const {
    runtimes,
    docker: dockerContainers,
    proxmox,
  } = openSources({
    locks,
    config,
    ovsdb,
    desiredState,
    veths,
    docker,
    vmids,
    lxcContainers,
    machineId: host.machineId,
    endpoints: netmaker.endpoints,
    onLxcProblem: (name, reason) => {
      const port = `container ${name}`;
      if (reason === undefined) pendingRetries.clear(port);
      else pendingRetries.note({ port, bridge: config.lxc.bridge, code: 'container-not-attachable', reason });
    },
    onContainerProblem: (name, problem) => {
      const port = `container ${name}`;
      if (problem === undefined) pendingRetries.clear(port);
      else {
        const { code, reason } = problem;
        if (pendingRetries.note({ port, bridge: '', code, reason }))
          log.warning(`${port}: ${problem.toLine()}`);
      }
    },
    now,
    log,
    onError,
  });

  return {
    desiredState,
    pendingRetries,
    known,
    docker,
    lxcContainers,
    vmids,
    guestQueue,
    netmaker,
    locks,
    runtimes,
    dockerContainers,
    proxmox,
  };
}
