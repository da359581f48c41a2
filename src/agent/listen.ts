// Begins to listen: to Docker, the hooks, LXC and the switch. One list of what is closed at the end.

import { listenToDocker } from '../../hooks/docker/listener.ts';
import { openHookSocket } from '../api/hook-socket.ts';
import { linkNames } from '../core/kernel/links.ts';
import { readLastRun } from '../ifupdown/last-result.ts';
import { dockerCursor } from '../runtimes/docker/cursor.ts';
import { watchLxc } from '../runtimes/lxc/watch.ts';
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
  const { config, bus, ovsdb, exec, watching, claims, lxcContainers, reconciler, onError } = parts;
  const switchWatch = watchDaemonStart(watching, PLACES.switchPidFile, () =>
    reconciler.soon('ovs-vswitchd was started'),
  );
  const watchdog = startWatchdog({ exec, env: process.env, onError });
  const interfaces = syncInterfaces({
    bus,
    ovsdb,
    config,
    lastRun: () => readLastRun(PLACES.runtime),
    onError,
  });
  const lxc = config.lxc.enabled
    ? [
        watchLxc({
          containers: lxcContainers,
          claims: claims.all,
          linkNames,
          onMissed: reconciler.soon,
          onError,
        }),
      ]
    : [];
  return [...lxc, interfaces, watchdog, switchWatch];
}

export interface DockerListening extends Closable {
  isConnected(): boolean;
  /** Begins, unless the configuration leaves Docker out. */
  start(): void;
}

export function dockerListening(parts: Parts): DockerListening {
  const { agent, config, docker, reconciler, told, log, onError } = parts;
  const stop = new AbortController();
  let isConnected = false;
  const start = () =>
    void listenToDocker({
      docker,
      cursor: dockerCursor(PLACES.dockerCursor),
      onEvent: (event) => agent.handle(event),
      onNetworks: (id) => void agent.lookAtContainer(id, 'its Docker networks changed').catch(onError),
      onConnected() {
        isConnected = true;
        reconciler.soon('Docker is connected');
      },
      onOdd: (problem) => told.noteOdd('docker', problem),
      onDisconnected() {
        if (isConnected) log.warning('Docker has gone away');
        isConnected = false;
      },
      signal: stop.signal,
    }).catch(onError);
  return {
    isConnected: () => isConnected,
    start: () => config.docker.enabled && start(),
    close: () => stop.abort(),
  };
}
