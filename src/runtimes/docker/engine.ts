// The Docker engine over its socket, and the only file that imports dockerode.

import Docker from 'dockerode';
import { z } from 'zod';
import { shortGuestName } from '../../core/guest/guest.ts';
import { LABEL_PREFIX } from '../../core/guest/label-prefix.ts';
import { withDeadline } from '../../core/lib/deadline.ts';
import { kernelNameProblem } from '../../core/lib/device-name.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { recentMap } from '../../core/lib/recent-map.ts';
import { type DockerContainer, dockerContainerSchema } from './attach.ts';
import { countsWhole, givenLabels } from './given-labels.ts';
import type { DockerEngine } from './parts.ts';

const DEADLINE_MS = 10_000;

/** Labels that we read. */
const READ = [LABEL_PREFIX, 'com.docker.compose.'];

const withoutOurs = (labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(LABEL_PREFIX)));

/** A container event of the engine (Engine API, GET /events), as far as we read it. */
export const engineEventSchema = z.object({
  Type: z.literal('container'),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).default({}) }),
  time: z.number(),
  timeNano: z.union([z.number(), z.string()]),
});
export type EngineEvent = z.infer<typeof engineEventSchema> & { timeNano: string };

/** One of a network's that names the container that it is about. */
const networkEventSchema = z.object({
  Type: z.literal('network'),
  Action: z.enum(['connect', 'disconnect']),
  Actor: z.object({ Attributes: z.object({ container: z.string().regex(/^[0-9a-f]{64}$/) }) }),
});

const imageSchema = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** Containers and images whose labels are remembered; a host has far fewer at a time. */
const REMEMBERED = 4096;

export interface DockerConnection extends DockerEngine {
  /** By id, the names of all containers that there are, without the slash. Throws `docker-unreachable`. */
  names(): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * Whether the event's attribute of that name is Docker's word: labels come among the attributes, and in the place of
   * those of the same name, but for `name` and `image` (moby:daemon/events.go). False for a container never inspected.
   */
  isSaidByDocker(id: string, attribute: 'exitCode' | 'oldName'): boolean;
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
    onOdd: (problem: string) => void,
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
  /** An image's id is a digest of what it is. */
  const labelsOfImage = recentMap<Readonly<Record<string, string>>>(REMEMBERED);
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await withDeadline(DEADLINE_MS, `Docker's ${what}`, work);
    } catch (error) {
      throw new AgentError('docker-unreachable', `Docker did not answer ${what}`, { cause: error });
    }
  };

  /** What the engine lists, which is more than it gives of one container: that one of them is odd hides all. */
  const list = async <T>(what: string, schema: z.ZodType<T>, ask: () => Promise<unknown>): Promise<T> => {
    const parsed = schema.safeParse(await call(what, ask));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = `${issue?.path.join('.')}: ${issue?.message}`;
    throw new AgentError('docker-unreachable', `What Docker answers ${what} is not understood: ${where}`);
  };

  /** Undefined when Docker has no such thing. */
  const found = <T>(what: string, ask: () => Promise<T>): Promise<T | undefined> =>
    call(what, async () => {
      try {
        return await ask();
      } catch (error) {
        if ((error as { statusCode?: number }).statusCode === 404) return undefined;
        throw error;
      }
    });

  const imageLabelsOf = async (image: string): Promise<Readonly<Record<string, string>> | undefined> => {
    const known = labelsOfImage.get(image);
    if (known !== undefined) return known;
    const answer = await found('image inspect', () => docker.getImage(image).inspect());
    if (answer === undefined) return undefined;
    const read = imageSchema.safeParse(answer);
    if (!read.success) {
      const [issue] = read.error.issues;
      const where = `${issue?.path.join('.')}: ${issue?.message}`;
      throw new AgentError(
        'container-not-attachable',
        `What Docker says of its image is not understood: ${where}`,
      );
    }
    const labels = read.data.Config?.Labels ?? {};
    labelsOfImage.set(image, labels);
    return labels;
  };

  const withGivenLabels = async (container: DockerContainer): Promise<DockerContainer> => {
    const labels = container.Config.Labels ?? {};
    const keys = Object.keys(labels);
    const isRead = keys.some((key) => READ.some((prefix) => key.startsWith(prefix)));
    if (!isRead || container.Image === '' || countsWhole(container.Config.Image, imageLabels))
      return container;
    const own = await imageLabelsOf(container.Image);
    const given = own === undefined ? withoutOurs(labels) : givenLabels(labels, own);
    return {
      ...container,
      Config: { ...container.Config, Labels: given },
      areLabelsUnknown: own === undefined && keys.some((key) => key.startsWith(LABEL_PREFIX)),
    };
  };

  return {
    isSaidByDocker: (id, attribute) => labelKeys.get(id)?.has(attribute) === false,

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
      return withGivenLabels(container);
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

    async follow(since, onOpen, onEvent, onNetworks, onOdd, signal) {
      const stream = await call('events', () =>
        docker.getEvents({
          filters: {
            type: ['container', 'network'],
            event: ['start', 'die', 'destroy', 'rename', 'health_status', 'connect', 'disconnect'],
          },
          ...(since !== undefined && { since: secondsOf(since) as unknown as number }),
        }),
      );
      const end = () => (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
      signal.addEventListener('abort', end, { once: true });
      try {
        onOpen();
        await readLines(stream, (line) => {
          const event = parseEvent(line);
          if (typeof event === 'string') onOdd(event);
          else if ('network' in event) onNetworks(event.network);
          else onEvent(event);
        });
      } finally {
        signal.removeEventListener('abort', end);
      }
    },
  };
}

/** The engine wants `seconds.nanoseconds`. */
function secondsOf(nano: string): string {
  const padded = nano.padStart(10, '0');
  return `${padded.slice(0, -9)}.${padded.slice(-9)}`;
}

/**
 * `timeNano` is larger than a double holds exactly, so it is read from the text. Or the container that a network has or lost;
 * or why it is no event.
 */
function parseEvent(line: string): EngineEvent | { network: string } | string {
  const nano = /"timeNano":(\d{1,20})/.exec(line)?.[1];
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return 'a line is not JSON';
  }
  const isOfNetwork = z.object({ Type: z.literal('network') }).safeParse(json).success;
  if (isOfNetwork) {
    const network = networkEventSchema.safeParse(json);
    if (network.success) return { network: network.data.Actor.Attributes.container };
    const [issue] = network.error.issues;
    return `an event of a network: ${issue?.path.join('.')}: ${issue?.message}`;
  }
  const parsed = engineEventSchema.safeParse(json);
  if (parsed.success) return nano === undefined ? 'it has no timeNano' : { ...parsed.data, timeNano: nano };
  const [issue] = parsed.error.issues;
  return `${issue?.path.join('.')}: ${issue?.message}`;
}

async function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') onLine(line);
    }
  } catch (error) {
    throw new AgentError('docker-unreachable', "Docker's event stream broke", { cause: error });
  }
}
