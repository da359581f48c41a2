// Has Docker's events followed for as long as the agent runs, and says whether the engine is connected.

import type { LifecycleEvent } from '../../core/events/lifecycle-event.ts';
import type { Log } from '../../core/lib/log.ts';
import type { RuntimeListener } from '../runtime.ts';
import { dockerCursor } from './cursor.ts';
import type { DockerConnection } from './engine.ts';

export interface ListenerParts {
  docker: DockerConnection;
  /** `timeNano` of the last event that was handled, over restarts of the agent. */
  cursor: { read(): Promise<string | undefined>; write(nano: string): Promise<void> };
  onEvent: (event: LifecycleEvent) => Promise<unknown>;
  /** A container, by its id, was connected to a network or taken out of one; may come twice. */
  onNetworks: (id: string) => void;
  /** Called at each connect, after the stream stands, so that nothing falls between list and stream. */
  onConnected: () => void;
  onDisconnected: (error: unknown) => void;
  /** What Docker sent and cannot be handled, and why. */
  onUnreadable: (problem: string) => void;
  signal: AbortSignal;
}

/** Resolves when `signal` aborts. */
export type DockerListen = (parts: ListenerParts) => Promise<void>;

export interface DockerListening {
  isConnected(): boolean;
  start(listener: RuntimeListener): void;
  close(): void;
}

export function openListening(parts: {
  engine: DockerConnection;
  listen: DockerListen;
  cursorPath: string;
  log: Log;
  onError: (error: unknown) => void;
}): DockerListening {
  const stop = new AbortController();
  let isConnected = false;
  return {
    isConnected: () => isConnected,
    start(listener) {
      void parts
        .listen({
          docker: parts.engine,
          cursor: dockerCursor(parts.cursorPath),
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
        })
        .catch(parts.onError);
    },
    close: () => stop.abort(),
  };
}
