// Builds what says when everything is to be looked at: time, the switch, NetworkManager.

import { linkIndex } from '../core/kernel/links.ts';
import { DRIVER_NAMES, driverTraits } from '../core/plan/driver-names.ts';
import type { Agent } from '../reconcile/agent.ts';
import { type Reconciler, startReconciler } from '../reconcile/triggers.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';

export function buildTriggers(parts: HostParts & GuestParts, agent: Agent): Reconciler {
  const { config, networkManager, ovsdb, facts, desiredState, pendingRetries, log, onError } = parts;
  const reconciler = startReconciler({
    agent,
    ovsdb,
    pendingRetries,
    isAskedFor: (port) => desiredState.ofPort(port) !== undefined,
    canReturn: (port) => canReturn(desiredState, port),
    debounceMs: () => config.debounce_ms,
    intervalMs: () => config.reconcile_interval * 1000,
    onError,
  });
  networkManager.onPresence((present) => {
    void facts.refresh().catch(onError);
    if (present) reconciler.soon('NetworkManager is back');
    else log.warning('NetworkManager has left the bus');
  });
  return reconciler;
}

/** Whether a port that went can come back by itself: its driver keeps no rows of its own, and its device is there. */
async function canReturn(desiredState: DesiredState, port: string): Promise<boolean> {
  const binding = desiredState.binding(port);
  const driver = DRIVER_NAMES.find((name) => name === binding?.driver);
  if (binding === undefined || driver === undefined || driverTraits(driver).keepsRows) return false;
  return (await linkIndex(binding.interface)) !== undefined;
}
