// What runtimes are listened to for, besides their hooks: Docker's events, and LXC containers that come and go unannounced.

import { listenToDocker } from '../../hooks/docker/listener.ts';
import { linkNames } from '../core/kernel/links.ts';
import type { Log } from '../core/lib/log.ts';
import { dockerCursor } from '../runtimes/docker/cursor.ts';
import type { openDocker } from '../runtimes/docker/engine.ts';
import type { LxcContainers } from '../runtimes/lxc/containers.ts';
import { watchLxc } from '../runtimes/lxc/watch.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { PLACES } from './places.ts';

type Listening = Required<Pick<Runtime, 'start' | 'close'>>;

export interface DockerListening extends Listening {
  isConnected(): boolean;
}

export function dockerListening(parts: {
  docker: ReturnType<typeof openDocker>;
  log: Log;
  onError: (error: unknown) => void;
}): DockerListening {
  const stop = new AbortController();
  let isConnected = false;
  return {
    isConnected: () => isConnected,
    start(listener) {
      void listenToDocker({
        docker: parts.docker,
        cursor: dockerCursor(PLACES.dockerCursor),
        onEvent: (event) => listener.handle(event),
        onNetworks: (id) => listener.changed(id, 'its Docker networks changed'),
        onConnected() {
          isConnected = true;
          listener.soon('Docker is connected');
        },
        onUnreadable: (problem) => listener.noteUnreadable('docker', problem),
        onDisconnected() {
          if (isConnected) parts.log.warning('Docker has gone away');
          isConnected = false;
        },
        signal: stop.signal,
      }).catch(parts.onError);
    },
    close: () => stop.abort(),
  };
}

export function lxcListening(parts: {
  lxcContainers: LxcContainers;
  desiredState: Pick<DesiredState, 'all'>;
  onError: (error: unknown) => void;
}): Listening {
  let watch: ReturnType<typeof watchLxc> | undefined;
  return {
    start({ soon }) {
      watch = watchLxc({
        containers: parts.lxcContainers,
        desiredGuests: parts.desiredState.all,
        linkNames,
        onMissed: soon,
        onError: parts.onError,
      });
    },
    close: () => watch?.close(),
  };
}
