// The Docker engine over its socket, and the only file that imports dockerode.

import Docker from 'dockerode';
import { z } from 'zod';
import type { DockerEngine } from '../../src/agent/sources/docker.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import { AgentError } from '../../src/core/errors.ts';
import { dockerContainerSchema } from '../../src/core/guest/docker-attach.ts';
import { kernelNameProblem } from '../../src/core/guest/kernel-name.ts';

const DEADLINE_MS = 10_000;

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

export interface DockerConnection extends DockerEngine {
  /** By id, the names of all containers that there are, without the slash. Throws `docker-unreachable`. */
  names(): Promise<ReadonlyMap<string, readonly string[]>>;
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

export function openDocker(socketPath: string): DockerConnection {
  const docker = new Docker({ socketPath });
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await withDeadline(DEADLINE_MS, `Docker's ${what}`, work);
    } catch (error) {
      throw new AgentError('docker-unreachable', `Docker did not answer ${what}`, { cause: error });
    }
  };

  return {
    async inspect(id) {
      const answer = await call('inspect', async () => {
        try {
          return await docker.getContainer(id).inspect();
        } catch (error) {
          if ((error as { statusCode?: number }).statusCode === 404) return undefined;
          throw error;
        }
      });
      return answer === undefined ? undefined : dockerContainerSchema.parse(answer);
    },

    async running() {
      const found = await call('list', () =>
        docker.listContainers({ filters: { status: ['running', 'paused'] } }),
      );
      return idsSchema.parse(found).map((container) => container.Id);
    },

    async existing() {
      const found = await call('list', () => docker.listContainers({ all: true }));
      return idsSchema.parse(found).map((container) => container.Id);
    },

    async names() {
      const found = namesSchema.parse(await call('list', () => docker.listContainers({ all: true })));
      // `/other/alias` is what a legacy link calls it.
      const own = (names: readonly string[]) =>
        names.map((name) => name.replace(/^\//, '')).filter((name) => !name.includes('/'));
      return new Map(found.map(({ Id, Names }) => [Id, own(Names ?? [])]));
    },

    async bridges() {
      const found = await call('networks', () => docker.listNetworks({ filters: { driver: ['bridge'] } }));
      return networksSchema
        .parse(found)
        .map(({ Id, Options }) => Options?.[BRIDGE_NAME] || `br-${Id.slice(0, 12)}`)
        .filter((name) => kernelNameProblem(name) === undefined);
    },

    async follow(since, onOpen, onEvent, onNetworks, signal) {
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
          if (event) onEvent(event);
          else {
            const network = networkEventSchema.safeParse(JSON.parse(line));
            if (network.success) onNetworks(network.data.Actor.Attributes.container);
          }
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

/** `timeNano` is larger than a double holds exactly, so it is read from the text. */
function parseEvent(line: string): EngineEvent | undefined {
  const nano = /"timeNano":(\d{1,20})/.exec(line)?.[1];
  const parsed = engineEventSchema.safeParse(JSON.parse(line));
  return parsed.success && nano !== undefined ? { ...parsed.data, timeNano: nano } : undefined;
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
