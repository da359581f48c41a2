// One JSON-RPC 1.0 connection to ovsdb-server over its unix socket (RFC 7047 §4).

import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError } from '../lib/errors.ts';
import { jsonStream } from './json-stream.ts';

const messageSchema = z.union([
  z.object({ id: z.null(), method: z.string(), params: z.array(z.unknown()) }),
  z.object({ id: z.unknown(), method: z.string(), params: z.array(z.unknown()) }),
  z.object({ id: z.number(), result: z.unknown(), error: z.unknown() }),
]);

export interface OvsdbConnection {
  /** Throws `ovsdb-refused` on an error reply, `ovsdb-unreachable`, `ovsdb-garbled`, or `deadline-exceeded`. */
  request(method: string, params: unknown[], deadlineMs?: number): Promise<unknown>;
  onNotification(listener: (method: string, params: unknown[]) => void): void;
  /** Resolves with the reason when the connection is gone. */
  readonly closed: Promise<AgentError>;
  /** @param why what those who wait for an answer are told */
  close(why?: AgentError): void;
}

/** For an answer that no OVSDB server would give. */
export function garbled(): AgentError {
  return new AgentError('ovsdb-garbled', 'The OVSDB server gives answers that make no sense');
}

/** Connects to ovsdb-server. Throws `ovsdb-unreachable`. */
export async function connectOvsdb(path: string, deadlineMs = 5000): Promise<OvsdbConnection> {
  const socket = connect(path);
  try {
    await withDeadline(deadlineMs, 'connecting to OVSDB', () => opened(socket));
  } catch (error) {
    socket.destroy();
    throw new AgentError('ovsdb-unreachable', `The OVSDB server at ${path} does not answer`, {
      cause: error,
    });
  }
  return converse(socket);
}

function opened(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.on('error', reject);
  });
}

function converse(socket: Socket): OvsdbConnection {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const listeners: ((method: string, params: unknown[]) => void)[] = [];
  let nextId = 1;
  let gone = false;
  let reason = new AgentError('ovsdb-unreachable', 'The OVSDB server closed the connection');
  const close = (why?: AgentError) => {
    if (why !== undefined && !gone) reason = why;
    socket.destroy();
  };

  const send = (message: unknown) => {
    if (!gone) socket.write(JSON.stringify(message));
  };

  const closed = new Promise<AgentError>((resolve) => {
    socket.once('close', () => {
      gone = true;
      for (const call of waiting.values()) call.reject(reason);
      waiting.clear();
      resolve(reason);
    });
  });

  const receive = (value: unknown) => {
    const message = messageSchema.parse(value);
    if ('method' in message) {
      if (message.method === 'echo') send({ id: message.id, result: message.params, error: null });
      else for (const listener of listeners) listener(message.method, message.params);
      return;
    }
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === null || message.error === undefined) call?.resolve(message.result);
    else {
      const text = `OVSDB refused the request: ${JSON.stringify(message.error)}`;
      call?.reject(new AgentError('ovsdb-refused', text));
    }
  };

  const feed = jsonStream(receive);
  socket.on('data', (chunk) => {
    try {
      feed(chunk);
    } catch {
      close(garbled());
    }
  });

  return {
    closed,
    close,
    onNotification: (listener) => void listeners.push(listener),
    request(method, params, deadlineMs = 10_000) {
      if (gone)
        return Promise.reject(new AgentError('ovsdb-unreachable', 'The OVSDB server is not connected'));
      const id = nextId++;
      return withDeadline(
        deadlineMs,
        `OVSDB ${method}`,
        (signal) =>
          new Promise((resolve, reject) => {
            waiting.set(id, { resolve, reject });
            signal.addEventListener('abort', () => waiting.delete(id), { once: true });
            send({ id, method, params });
          }),
      );
    },
  };
}
