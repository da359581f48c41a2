// Listens to Docker for ever: replays what was missed, and has the running containers listed at each connect.

import { pause } from '../../src/core/deadline.ts';
import type { LifecycleEvent } from '../../src/core/events/lifecycle-event.ts';
import { lifecycleEventSchema } from '../../src/core/events/lifecycle-event.ts';
import type { DockerConnection, EngineEvent } from './engine.ts';

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
  signal: AbortSignal;
}

const RETRY_MS = [250, 500, 1000, 2000, 5000] as const;

/** Returns when `signal` aborts. */
export async function listenToDocker(parts: ListenerParts): Promise<void> {
  const { docker, cursor, signal } = parts;
  let last = await cursor.read();
  // The cursor moves in the order of the events, each only once it and all before it are handled.
  let handled: Promise<unknown> = Promise.resolve();
  const handle = (engineEvent: EngineEvent) => {
    last = engineEvent.timeNano;
    const event = lifecycleEventOf(engineEvent);
    const work = event ? parts.onEvent(event) : undefined;
    handled = Promise.allSettled([handled, work])
      .then(() => cursor.write(engineEvent.timeNano))
      .catch(() => undefined);
  };
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await docker.follow(
        last,
        () => {
          attempt = 0;
          parts.onConnected();
        },
        handle,
        parts.onNetworks,
        signal,
      );
      if (!signal.aborted) parts.onDisconnected(undefined);
    } catch (error) {
      parts.onDisconnected(error);
    }
    await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 5000, signal);
  }
}

const PHASES: Readonly<Record<string, string>> = {
  start: 'start',
  die: 'die',
  destroy: 'destroy',
  rename: 'rename',
};

/** The engine has one action for each state: `health_status: healthy`. */
const phaseOf = (action: string) => (action.startsWith('health_status') ? 'health' : PHASES[action]);

/** Undefined for an event that is not one of a container's life, or whose values are not what Docker documents. */
function lifecycleEventOf(event: EngineEvent): LifecycleEvent | undefined {
  const { ID: containerId, Attributes: attributes } = event.Actor;
  const exitCode = Number(attributes['exitCode'] ?? Number.NaN);
  const parsed = lifecycleEventSchema.safeParse({
    id: `docker:${containerId}:${event.Action.replaceAll(/[^A-Za-z_]+/g, '-')}:${event.timeNano}`,
    at: new Date(Number(BigInt(event.timeNano) / 1_000_000n)).toISOString(),
    source: 'docker',
    phase: phaseOf(event.Action),
    containerId,
    name: attributes['name'],
    image: (attributes['image'] ?? '').slice(0, 512),
    ...(attributes['oldName'] !== undefined && { formerName: attributes['oldName'].replace(/^\//, '') }),
    ...(Number.isInteger(exitCode) && { exitCode }),
  });
  return parsed.success ? parsed.data : undefined;
}
