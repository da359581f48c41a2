// Begins to listen: to the runtimes, their hooks and the switch. One list of what is closed at the end.

import { openHookSocket } from '../api/hook-socket.ts';
import { exec } from '../core/lib/exec.ts';
import { readLastRun } from '../ifupdown/last-result.ts';
import { listOf, type RuntimeListener } from '../runtimes/runtime.ts';
import type { AgentParts } from './build-agent.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import { syncInterfaces } from './interfaces-sync.ts';
import { PLACES } from './places.ts';
import { watchDaemonStart } from './watch-daemon.ts';
import { startWatchdog } from './watchdog.ts';

export interface Closable {
  close(): unknown;
}

type Parts = HostParts & GuestParts & AgentParts;

/** Opens the way that hooks go without Node; the agent has its name on the bus by then. */
export function listenToHooks({ config, agent, onError }: Parts): Promise<Closable> {
  return openHookSocket({
    path: PLACES.hookSocket,
    strict: () => config.strict,
    handle: agent.handle,
    onError,
  });
}

/** Watches what no event tells of; what is first in the list is closed first. */
export function watchHost(parts: Parts): Closable[] {
  const { config, bus, ovsdb, watching, reconciler, onError } = parts;
  const switchWatch = watchDaemonStart(watching, PLACES.switchPidFile, () =>
    reconciler.soon('ovs-vswitchd was started'),
  );
  // By no helper: systemd takes the word only of what this process itself has started.
  const watchdog = startWatchdog({ exec, env: process.env, onError });
  const interfaces = syncInterfaces({
    bus,
    ovsdb,
    config,
    lastRun: () => readLastRun(PLACES.runtime),
    onError,
  });
  return [interfaces, watchdog, switchWatch];
}

/** Closes all of them. */
export function listenToRuntimes({ runtimes, agent, reconciler, reportedEvents, onError }: Parts): Closable {
  const listener: RuntimeListener = {
    handle: (event) => agent.handle(event),
    changed: (id, reason) => void agent.resyncContainer(id, reason).catch(onError),
    soon: reconciler.soon,
    noteUnreadable: reportedEvents.noteUnreadable,
  };
  for (const runtime of listOf(runtimes)) runtime.start?.(listener);
  return {
    async close() {
      for (const runtime of listOf(runtimes)) await runtime.close?.();
    },
  };
}
