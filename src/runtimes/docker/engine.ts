// The Docker engine over its socket, and the only file that imports dockerode.

import Docker from 'dockerode';
import { z } from 'zod';
import { shortGuestName } from '../../core/guest/guest.ts';
import { kernelNameProblem } from '../../core/lib/device-name.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { recentMap } from '../../core/lib/recent-map.ts';
import { dockerContainerSchema } from './attach.ts';
import { call, found, list } from './engine-calls.ts';
import { type EngineEvent, readEvents, secondsOf } from './engine-events.ts';
import { ImageLabels } from './image-labels.ts';
import type { DockerEngine } from './parts.ts';

/** Containers and images whose labels are remembered; a host has far fewer at a time. */
const REMEMBERED = 4096;

export interface DockerConnection extends DockerEngine {
  /** By id, the names of all containers that there are, without the slash. Throws `docker-unreachable`. */
  names(): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * Whether the event's attribute of that name is Docker's word: labels come among the attributes, and in the place of
   * those of the same name, but for `name` and `image` (moby:daemon/events.go). False for a container never inspected.
   */
  isReportedByDocker(id: string, attribute: 'exitCode' | 'oldName'): boolean;
  /** Devices of the networks whose containers reach others through the host. Throws `docker-unreachable`. */
  bridges(): Promise<string[]>;
  /**
   * Follows container events from `since` (nanoseconds of the epoch, as text; undefined: from now), until the
   * engine ends the stream or `signal` aborts. `onOpen` is called once the stream stands, `onNetworks` with the id of a
   * container that was connected to a network or taken out of one.
   */
  follow(
    since: string | undefined,
    onOpen: () => void,
    onEvent: (event: EngineEvent) => void,
    onNetworks: (container: string) => void,
    /** A line that is no event, and why; it is passed over. */
    onUnreadable: (problem: string) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

const idsSchema = z.array(z.object({ Id: z.string() }));
const namesSchema = z.array(z.object({ Id: z.string(), Names: z.array(z.string()).nullable() }));
const networksSchema = z.array(
  z.object({ Id: z.string(), Options: z.record(z.string(), z.string()).nullish() }),
);
/** Docker's driver `bridge` names the device after the network's id unless this option names it. */
const BRIDGE_NAME = 'com.docker.network.bridge.name';

export interface DockerSettings {
  /** Patterns of images whose own labels count. */
  imageLabels?: readonly string[];
}

export function openDocker(socketPath: string, { imageLabels = [] }: DockerSettings = {}): DockerConnection {
  const docker = new Docker({ socketPath });
  const labelKeys = recentMap<ReadonlySet<string>>(REMEMBERED);
  const labels = new ImageLabels({
    patterns: imageLabels,
    remembered: REMEMBERED,
    inspectImage: (image) => found('image inspect', () => docker.getImage(image).inspect()),
  });
  return {
    isReportedByDocker: (id, attribute) => labelKeys.get(id)?.has(attribute) === false,

    async inspect(id) {
      const answer = await found('inspect', () => docker.getContainer(id).inspect());
      if (answer === undefined) return undefined;
      const parsed = dockerContainerSchema.safeParse(answer);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const text = `What Docker says of container ${id.slice(0, 12)} is not understood`;
        throw new AgentError(
          'container-not-attachable',
          `${text}: ${issue?.path.join('.')}: ${issue?.message}`,
        );
      }
      const container = parsed.data;
      labelKeys.set(container.Id, new Set(Object.keys(container.Config.Labels ?? {})));
      return labels.given(container);
    },

    async running() {
      const found = await list('list', idsSchema, () =>
        docker.listContainers({ filters: { status: ['running', 'paused'] } }),
      );
      return found.map((container) => container.Id);
    },

    async existing() {
      const found = await list('list', idsSchema, () => docker.listContainers({ all: true }));
      return found.map((container) => container.Id);
    },

    async names() {
      const found = await list('list', namesSchema, () => docker.listContainers({ all: true }));
      // `/other/alias` is what a legacy link calls it.
      const own = (names: readonly string[]) =>
        names.map(shortGuestName).filter((name) => !name.includes('/'));
      return new Map(found.map(({ Id, Names }) => [Id, own(Names ?? [])]));
    },

    async bridges() {
      const found = await list('networks', networksSchema, () =>
        docker.listNetworks({ filters: { driver: ['bridge'] } }),
      );
      return found
        .map(({ Id, Options }) => Options?.[BRIDGE_NAME] || `br-${Id.slice(0, 12)}`)
        .filter((name) => kernelNameProblem(name) === undefined);
    },

    async follow(since, onOpen, onEvent, onNetworks, onUnreadable, signal) {
      const stream = await call('events', () =>
        docker.getEvents({
          filters: {
            type: ['container', 'network'],
            event: ['start', 'die', 'destroy', 'rename', 'health_status', 'connect', 'disconnect'],
          },
          ...(since !== undefined && { since: secondsOf(since) as unknown as number }),
        }),
      );
      await readEvents(stream, { onOpen, onEvent, onNetworks, onUnreadable }, signal);
    },
  };
}
