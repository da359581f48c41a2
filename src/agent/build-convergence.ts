// Builds what brings ports to what is desired, and tells the bus, the journal and the binding files what became of them.

import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import { observePortNames, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { keyedQueue } from '../core/lib/keyed-queue.ts';
import { bridgeSpec } from '../reconcile/bridge-spec.ts';
import { openConverge } from '../reconcile/converge.ts';
import { observe } from '../reconcile/observe.ts';
import type { RecreateBackoff } from '../reconcile/recreate-backoff.ts';
import { executors } from '../reconcile/run-step.ts';
import { takenBy } from '../reconcile/taken-by.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';

export function buildConvergence(parts: HostParts & GuestParts, recreateBackoff: RecreateBackoff) {
  const { config, ledger, facts, drivers, pendingRetries, netmaker, veths, ovsdb } = parts;
  const { desiredState, now, bus, log } = parts;
  return openConverge({
    config,
    ledger,
    recreateBackoff,
    facts: facts.current,
    isHeld: (driver, desired, holder) => drivers[driver].isHeld(desired, holder),
    pendingRetries,
    securityDigest: netmaker.securedPorts.digest,
    executors: executors({ config, drivers, veths, securedPorts: netmaker.securedPorts }),
    observe: (request) =>
      observe(
        {
          ovsdb,
          drivers,
          veths,
          bridgeSpecOf: (bridge) => bridgeSpec(config, bridge),
          portSecurity: netmaker.securedPorts.all,
        },
        request,
      ),
    bridgeQueue: keyedQueue(1),
    bound: desiredState.bindings,
    takenBy: takenBy(desiredState),
    recordOf: desiredState.noted,
    holderOf: (link) => observePorts(ovsdb.replica).find((port) => port.interface === link),
    presentPorts: () => observePortNames(ovsdb.replica),
    async onAttached(desired, data) {
      const key = desiredState.ofPort(desired.port)?.key ?? '';
      await desiredState.bind(desired, key, String(data.driver), new Date(now()));
      bus.emit(AGENT_PATH, AGENT_NAME, 'PortAdded', 'ss', [desired.port, JSON.stringify(data)]);
      if (desired.portSecurity) netmaker.changed(desired.guest.name, 'attached');
      log.info(`${desired.port} attached on ${desired.bridge} (${desired.interface})`);
    },
    async onDetached(port, data) {
      const detached = desiredState.binding(port);
      if (detached?.guard) netmaker.changed(detached.guest, 'detached');
      await desiredState.unbind(port);
      bus.emit(AGENT_PATH, AGENT_NAME, 'PortRemoved', 'ss', [port, JSON.stringify(data)]);
      log.info(`${port} removed`);
    },
  });
}
