// Puts the agent on the bus: the table of its methods, and what they answer from.

import { dirname } from 'node:path';
import { serveMethods } from '../api/dbus-service.ts';
import { openHealth } from '../api/health.ts';
import { agentMethods } from '../api/methods/agent.ts';
import { configMethods } from '../api/methods/config.ts';
import { guestMethods } from '../api/methods/guests.ts';
import { introspectionMethods } from '../api/methods/introspection.ts';
import { ledgerMethods } from '../api/methods/ledger.ts';
import { portMethods } from '../api/methods/ports.ts';
import { statusReport } from '../api/status.ts';
import { observeBridges } from '../core/drivers/ovsdb/observe.ts';
import { hostUse } from '../core/kernel/links.ts';
import type { AgentParts } from './build-agent.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import { PLACES } from './places.ts';
import { openReload } from './reload.ts';
import { VERSION } from './version.ts';

export interface ServeParts extends HostParts, GuestParts, AgentParts {
  isDockerConnected: () => boolean;
}

export function serve(parts: ServeParts): void {
  const { live, config, host, bootId, startedAt, bus, book, ledger, facts, ovsdb, drivers, networkManager } =
    parts;
  const {
    desiredState,
    pendingRetries,
    docker,
    lxcContainers,
    vmids,
    guestQueue,
    netmaker,
    locks,
    watching,
  } = parts;
  const { agent, reconciler, overlooked, recreateBackoff, dockerContainers, spool, isDockerConnected } =
    parts;
  const { log, exec, onError } = parts;
  const reloader = openReload({
    live,
    ledger,
    runtimeDir: PLACES.runtime,
    log,
    onTaken: (reason) => {
      reconciler.rearm();
      reconciler.soon(reason);
    },
  });
  process.on('SIGHUP', () => void reloader.reload().catch(onError));

  const health = openHealth({
    config,
    bootId,
    desiredState,
    pendingRetries,
    facts,
    ovsdb,
    drivers,
    switchDirectory: dirname(PLACES.switchPidFile),
    loss: book.loss,
    polled: watching.polled,
    withdrawn: netmaker.withdrawn,
    unreached: netmaker.unreached,
  });
  const status = () =>
    statusReport({
      config,
      host,
      startedAt,
      version: VERSION,
      ledger,
      desiredState,
      pendingRetries,
      spool,
      dockerConnected: isDockerConnected(),
      facts,
      ovsdb,
      health,
      netmaker: netmaker.summary(),
      configuration: reloader.summary(),
      locksProblem: locks.problem(),
    });
  serveMethods(
    bus,
    [
      ...agentMethods({ agent, status, forgetLosses: () => recreateBackoff.forget(() => true) }),
      ...portMethods({
        agent,
        config,
        desiredState,
        healthOfPorts: health.ofPorts,
        withVmid: (name, use) => vmids.claimFor('lxc', name, undefined, use),
        vmidOwner: vmids.owner,
        lxcRuns: async (name) => (await lxcContainers.running()).some((container) => container.name === name),
        hostUse,
        isBridge: (name) => observeBridges(ovsdb.replica).has(name),
      }),
      ...ledgerMethods({ ledger, config }),
      ...configMethods({ reload: reloader.reload }),
      ...guestMethods({
        ovsdb,
        desiredState,
        healthOfPorts: health.ofPorts,
        pendingRetries,
        overlooked,
        containerName: async (id) => (await docker.inspect(id))?.Name.replace(/^\//, ''),
      }),
      ...introspectionMethods({
        bus,
        networkManager,
        ovsdb,
        desiredState,
        facts,
        exec,
        bindingsDir: PLACES.bindings,
        reconcile: agent.reconcile,
        health,
      }),
      ...netmaker.start({
        source: dockerContainers,
        takeAway: (key, reason) => agent.takeAway(key, reason),
        idle: guestQueue.idle,
      }),
    ],
    host.machineId,
  );
}
