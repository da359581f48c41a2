// Builds what brings ports to what is desired, and tells the bus, the journal and the binding files what became of them.

import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import { observePortNames, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { keyedQueue } from '../core/lib/keyed-queue.ts';
import { bridgeWish } from '../reconcile/bridge-spec.ts';
import { openConverge } from '../reconcile/converge.ts';
import { observe } from '../reconcile/observe.ts';
import type { Healings } from '../reconcile/recreate-backoff.ts';
import { executors } from '../reconcile/run-step.ts';
import { takenBy } from '../reconcile/taken-by.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';

export function buildConvergence(parts: HostParts & GuestParts, healings: Healings) {
  const { config, ledger, facts, drivers, troubles, netmaker, veths, ovsdb } = parts;
  const { claims, now, bus, log } = parts;
  return openConverge({
    config,
    ledger,
    healings,
    facts: facts.current,
    isHeld: (driver, desired, holder) => drivers[driver].isHeld(desired, holder),
    troubles,
    guardDigest: netmaker.guards.digest,
    executors: executors({ config, drivers, veths, guards: netmaker.guards }),
    observe: (look) =>
      observe(
        {
          ovsdb,
          drivers,
          veths,
          wishFor: (bridge) => bridgeWish(config, bridge),
          guards: netmaker.guards.all,
        },
        look,
      ),
    bridgeQueue: keyedQueue(1),
    bound: claims.bindings,
    takenBy: takenBy(claims),
    recordOf: claims.noted,
    holderOf: (link) => observePorts(ovsdb.replica).find((port) => port.interface === link),
    presentPorts: () => observePortNames(ovsdb.replica),
    async onAttached(desired, data) {
      const key = claims.ofPort(desired.port)?.key ?? '';
      await claims.bind(desired, key, String(data.driver), new Date(now()));
      bus.emit(AGENT_PATH, AGENT_NAME, 'PortAdded', 'ss', [desired.port, JSON.stringify(data)]);
      if (desired.guard) netmaker.changed(desired.guest.name, 'attached');
      log.info(`${desired.port} attached on ${desired.bridge} (${desired.interface})`);
    },
    async onDetached(port, data) {
      const detached = claims.binding(port);
      if (detached?.guard) netmaker.changed(detached.guest, 'detached');
      await claims.unbind(port);
      bus.emit(AGENT_PATH, AGENT_NAME, 'PortRemoved', 'ss', [port, JSON.stringify(data)]);
      log.info(`${port} removed`);
    },
  });
}
