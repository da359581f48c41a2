// Docker's stream of events: one JSON text a line, of containers and of networks.

import { z } from 'zod';
import { AgentError } from '../../core/lib/errors.ts';

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

export interface EventHearer {
  /** The stream stands. */
  onOpen: () => void;
  onEvent: (event: EngineEvent) => void;
  /** Id of a container that was connected to a network or taken out of one. */
  onNetworks: (container: string) => void;
  /** A line that is no event, and why; it is passed over. */
  onUnreadable: (problem: string) => void;
}

/** Resolves when the engine ends the stream or `signal` aborts. Throws `docker-unreachable`. */
export async function readEvents(
  stream: NodeJS.ReadableStream,
  { onOpen, onEvent, onNetworks, onUnreadable }: EventHearer,
  signal: AbortSignal,
): Promise<void> {
  const end = () => (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
  signal.addEventListener('abort', end, { once: true });
  try {
    onOpen();
    await readLines(stream, (line) => {
      const event = parseEvent(line);
      if (typeof event === 'string') onUnreadable(event);
      else if ('network' in event) onNetworks(event.network);
      else onEvent(event);
    });
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** The engine wants `seconds.nanoseconds`. */
export function secondsOf(nano: string): string {
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
