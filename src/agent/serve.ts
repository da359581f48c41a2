// Puts the agent on the bus: the table of its methods, and what they answer from.

import { serveMethods } from '../api/dbus-service.ts';
import type { Method } from '../api/method.ts';
import { agentMethods } from '../api/methods/agent.ts';
import { configMethods } from '../api/methods/config.ts';
import { evidenceMethods } from '../api/methods/evidence.ts';
import { guestMethods } from '../api/methods/guests.ts';
import { introspectionMethods } from '../api/methods/introspection.ts';
import { ledgerMethods } from '../api/methods/ledger.ts';
import { portMethods } from '../api/methods/ports.ts';
import { observeBridges } from '../core/drivers/ovsdb/observe.ts';
import { hostUse } from '../core/kernel/links.ts';
import type { AgentParts } from './build-agent.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import type { Producers } from './open-producers.ts';
import { PLACES } from './places.ts';
import { openReload } from './reload.ts';
import { openReport, type Report } from './report.ts';

type ServeParts = HostParts & GuestParts & AgentParts;

export function serve(parts: ServeParts, producers: Producers): void {
  const { live, bus, ledger, reconciler, host, log, onError } = parts;
  const reloader = openReload({
    live,
    ledger,
    runtimeDir: PLACES.runtime,
    log,
    noteConfig: producers.noteConfig,
    onTaken: (reason) => {
      reconciler.rearm();
      reconciler.soon(reason);
    },
  });
  process.on('SIGHUP', () => void reloader.reload().catch(onError));

  const report = openReport(parts, reloader.summary);
  const methods = [
    ...aboutAgent(parts, report),
    ...aboutPorts(parts, report),
    ...ledgerMethods(parts),
    ...evidenceMethods(parts),
    ...configMethods({ reload: reloader.reload }),
    ...aboutGuests(parts, report),
    ...introspection(parts, report),
    ...aboutNetmaker(parts),
  ];
  serveMethods(bus, producers.recordCalls(methods), host.machineId);
}

function aboutAgent({ agent, recreateBackoff }: ServeParts, { status }: Report): Method[] {
  return agentMethods({ agent, status, forgetLosses: () => recreateBackoff.forget(() => true) });
}

/** A device whose name tells no number gets one as a plain LXC container does, and is asked for among those. */
function aboutPorts(parts: ServeParts, { health }: Report): Method[] {
  const { vmids, lxcContainers, ovsdb } = parts;
  return portMethods({
    ...parts,
    healthOfPorts: health.ofPorts,
    withVmid: (name, use) => vmids.claimFor('lxc', name, undefined, use),
    vmidOwner: vmids.owner,
    lxcRuns: async (name) => (await lxcContainers.running()).some((container) => container.name === name),
    hostUse,
    isBridge: (name) => observeBridges(ovsdb.replica).has(name),
  });
}

function aboutGuests(parts: ServeParts, { health }: Report): Method[] {
  const { docker } = parts;
  return guestMethods({
    ...parts,
    healthOfPorts: health.ofPorts,
    containerName: async (id) => (await docker.inspect(id))?.Name.replace(/^\//, ''),
  });
}

function introspection(parts: ServeParts, { health }: Report): Method[] {
  const { agent } = parts;
  return introspectionMethods({
    ...parts,
    bindingsDir: PLACES.bindings,
    reconcile: agent.reconcile,
    health,
  });
}

/** Begins to watch as well. */
function aboutNetmaker({ netmaker, runtimes, agent, guestQueue }: ServeParts): Method[] {
  return netmaker.start({
    source: runtimes.docker.containers,
    takeAway: (key, reason) => agent.takeAway(key, reason),
    idle: guestQueue.idle,
  });
}
