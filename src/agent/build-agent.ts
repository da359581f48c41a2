// Builds the agent's heart, and what says when it is to beat.

import { linkIndex } from '../core/kernel/links.ts';
import { DRIVER_NAMES, driverTraits } from '../core/plan/driver-names.ts';
import { createAgent } from '../reconcile/agent.ts';
import { openOverlooked } from '../reconcile/overlooked.ts';
import { openRecreateBackoff } from '../reconcile/recreate-backoff.ts';
import { startReconciler } from '../reconcile/triggers.ts';
import { whenReady } from '../reconcile/wait-ready.ts';
import { sourcesOf } from '../runtimes/runtime.ts';
import { buildConvergence } from './build-convergence.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import { openSpool } from './open-spool.ts';
import { openProxmoxWatch } from './proxmox-watch.ts';
import type { Requests } from './requests.ts';

export type AgentParts = ReturnType<typeof buildAgent>;

export function buildAgent(parts: HostParts & GuestParts, requests: Requests) {
  const { config, ledger, ovsdb, networkManager, facts, log, now, steady, veths, reportedEvents, onError } =
    parts;
  const {
    desiredState,
    pendingRetries,
    known,
    guestQueue,
    netmaker,
    locks,
    runtimes,
    dockerContainers,
    proxmox,
  } = parts;
  const overlooked = openOverlooked();
  const recreateBackoff = openRecreateBackoff(steady);
  const { converge, settled } = buildConvergence(parts, recreateBackoff);
  const times = {
    debounceMs: () => config.debounce_ms,
    intervalMs: () => config.reconcile_interval * 1000,
  };
  const proxmoxWatch = openProxmoxWatch({ ...parts, ...times, requests });
  const agent = createAgent({
    config,
    ledger,
    desiredState,
    pendingRetries,
    sources: overlooked.watch(sourcesOf(runtimes)),
    converge,
    settled,
    guestQueue,
    known,
    ready: async () => {
      await Promise.all([proxmoxWatch.ensure(), locks.ensure()]);
      const isReady = await whenReady(networkManager, ovsdb, facts.refresh);
      if (isReady) await netmaker.reconcile();
      // What could not be taken in when it came: nothing else asks for it again.
      void spool.absorb().catch(onError);
      return isReady;
    },
    containerAt: (id) => dockerContainers.resolveNow(id),
    publish: netmaker.publish,
    prepare: netmaker.prepare,
    // It has most often ended, and its namespace with it.
    release: (veth) => veths.release(veth).catch(() => undefined),
    guestAt: async (vmid) => proxmox?.resolveNow(vmid),
    requeue: (vmid, ms) => {
      setTimeout(
        () => void requests.resync(vmid, 'its card rests under the name that Proxmox gave it').catch(onError),
        ms,
      ).unref();
    },
    occasionOf: async (event) =>
      event.source === 'proxmox' && (await proxmox?.lockOf(event.vmid)) === 'backup' ? 'backup' : 'guest',
    isWorthABlock: reportedEvents.isWorthABlock,
    leaveOut: reportedEvents.leaveOut,
    now,
    onRetriesChanged: requests.plan,
    onError,
  });
  const reconciler = startReconciler({
    agent,
    ovsdb,
    pendingRetries,
    isAskedFor: (port) => desiredState.ofPort(port) !== undefined,
    async canReturn(port) {
      const binding = desiredState.binding(port);
      const driver = DRIVER_NAMES.find((name) => name === binding?.driver);
      if (binding === undefined || driver === undefined || driverTraits(driver).keepsRows) return false;
      return (await linkIndex(binding.interface)) !== undefined;
    },
    ...times,
    onError,
  });
  networkManager.onPresence((present) => {
    void facts.refresh().catch(onError);
    if (present) reconciler.soon('NetworkManager is back');
    else log.warning('NetworkManager has left the bus');
  });

  const spool = openSpool({ ...parts, agent });
  requests.join(agent, reconciler);
  return { agent, reconciler, overlooked, recreateBackoff, proxmoxWatch, spool };
}
