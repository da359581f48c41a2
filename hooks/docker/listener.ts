// Listens to Docker for ever: replays what was missed, and has the running containers listed at each connect.

import type { LifecycleEvent } from '../../src/core/events/lifecycle-event.ts';
import { lifecycleEventSchema } from '../../src/core/events/lifecycle-event.ts';
import { shortGuestName } from '../../src/core/guest/guest.ts';
import { pause } from '../../src/core/lib/deadline.ts';
import { shortened } from '../../src/core/lib/shortened.ts';
import type { DockerConnection } from '../../src/runtimes/docker/engine.ts';
import type { EngineEvent } from '../../src/runtimes/docker/engine-events.ts';
import type { ListenerParts } from '../../src/runtimes/docker/listening.ts';

const RETRY_MS = [250, 500, 1000, 2000, 5000] as const;

/** Returns when `signal` aborts. */
export async function listenToDocker(parts: ListenerParts): Promise<void> {
  const { docker, cursor, signal } = parts;
  let last = await cursor.read();
  if (last === undefined) {
    // From now on: what happens while the agent is away for the first time is asked for as well.
    last = String(BigInt(Date.now()) * 1_000_000n);
    await cursor.write(last).catch(() => undefined);
  }
  // The cursor moves in the order of the events, each only once it and all before it are handled.
  let handled: Promise<unknown> = Promise.resolve();
  const handle = (engineEvent: EngineEvent) => {
    last = engineEvent.timeNano;
    const event = lifecycleEventOf(engineEvent, docker);
    if (typeof event === 'string') parts.onUnreadable(event);
    const work = typeof event === 'string' ? undefined : parts.onEvent(event);
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
        parts.onUnreadable,
        signal,
      );
      if (!signal.aborted) parts.onDisconnected(undefined);
    } catch (error) {
      parts.onDisconnected(error);
    }
    await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 5000, signal);
  }
}

/** Longest name of an image that an event carries. */
const IMAGE_MAX = 512;

const PHASES: Readonly<Record<string, string>> = {
  start: 'start',
  die: 'die',
  destroy: 'destroy',
  rename: 'rename',
};

/** The engine has one action for each state: `health_status: healthy`. */
const phaseOf = (action: string) => (action.startsWith('health_status') ? 'health' : PHASES[action]);

/**
 * Or why it is none, one sentence. What an image's labels could have forged is left out: what is not known is not told.
 */
function lifecycleEventOf(
  event: EngineEvent,
  docker: Pick<DockerConnection, 'isReportedByDocker'>,
): LifecycleEvent | string {
  const { ID: containerId, Attributes: attributes } = event.Actor;
  const reported = (key: 'exitCode' | 'oldName') =>
    docker.isReportedByDocker(containerId, key) ? attributes[key] : undefined;
  const phase = phaseOf(event.Action);
  const exitCode = phase === 'die' ? Number(reported('exitCode') ?? Number.NaN) : Number.NaN;
  const formerName = phase === 'rename' ? reported('oldName') : undefined;
  const parsed = lifecycleEventSchema.safeParse({
    id: `docker:${containerId}:${event.Action.replaceAll(/[^A-Za-z_]+/g, '-').slice(0, 60)}:${event.timeNano}`,
    at: new Date(Number(BigInt(event.timeNano) / 1_000_000n)).toISOString(),
    source: 'docker',
    phase,
    containerId,
    name: shortGuestName(attributes['name'] ?? ''),
    image: shortened(attributes['image'] ?? '', IMAGE_MAX),
    ...(formerName !== undefined && { formerName: shortGuestName(formerName) }),
    ...(Number.isInteger(exitCode) && { exitCode }),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${event.Action.slice(0, 60)} of container ${containerId.slice(0, 12)}: ${issue?.path.join('.')}: ${issue?.message}`;
}
