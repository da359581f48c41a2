// Where the hooks' stub hands its events in without starting Node: a socket that root alone can reach.

import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Caller } from '../core/events/caller.ts';
import type { EventResult } from '../core/events/event-result.ts';
import { hookEventSchema, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { lxcHookEvent, proxmoxHookEvent } from './hook-event.ts';
import { HOOK_REQUEST_MAX, type HookRequest, hookAnswer, parseHookRequest } from './hook-request.ts';

export interface HookSocketParts {
  path: string;
  /** Whether a hook may fail a guest's start; read anew each time. */
  strict: () => boolean;
  handle: (event: LifecycleEvent, caller: Caller) => Promise<EventResult>;
  onError: (error: unknown) => void;
}

/** Hooks at once; each is a guest that starts or stops, and what is too many goes by the bus. */
const CLIENTS_MAX = 256;
/** A stub writes at once or never. */
const REQUEST_MS = 2_000;

/**
 * Listens, or says why it cannot; the folder of `path` must be root's alone. `close` takes no more events: those that were handed in are still
 * answered, as long as the process lives.
 */
export async function openHookSocket(parts: HookSocketParts): Promise<{ close(): Promise<void> }> {
  const { path, onError } = parts;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // The stub has ended meanwhile, or was killed: its event counts all the same.
    socket.on('error', () => socket.destroy());
    void serve(parts, socket).catch((error: unknown) => {
      socket.destroy();
      onError(error);
    });
  });
  server.maxConnections = CLIENTS_MAX;
  try {
    // Of an agent that was killed.
    await rm(path, { force: true });
    await listening(server, path);
    await chmod(path, 0o600);
  } catch (error) {
    // Hooks go by the bus then; no guest is to be without its port for that.
    onError(error);
    server.close();
    return { close: () => Promise.resolve() };
  }
  server.on('error', onError);
  return {
    async close() {
      await rm(path, { force: true });
      server.close();
    },
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function serve(parts: HookSocketParts, socket: Socket): Promise<void> {
  const bytes = await requestOf(socket);
  const request = bytes && parseHookRequest(bytes);
  if (request === undefined) {
    socket.destroy();
    return;
  }
  socket.write('heard\n');
  socket.end(await answerTo(parts, request));
}

/** All that comes until the other side is done; undefined when it is too much, or takes too long. */
function requestOf(socket: Socket): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    socket.setTimeout(REQUEST_MS, () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > HOOK_REQUEST_MAX) resolve(undefined);
    });
    socket.once('end', () => {
      socket.setTimeout(0);
      resolve(Buffer.concat(chunks));
    });
  });
}

/** The same as the Node hook makes of the same event (hooks/deliver.ts). */
async function answerTo(parts: HookSocketParts, request: HookRequest): Promise<string> {
  const { kind, argv, env, id, pid } = request;
  const occurrence = { id, at: new Date().toISOString() };
  const heard =
    kind === 'proxmox' ? proxmoxHookEvent(argv, env, occurrence) : lxcHookEvent(argv, env, occurrence);
  if (!heard.ok) return hookAnswer(0, heard.problem);
  const event = hookEventSchema.safeParse(heard.event);
  // Node says the same of it, and keeps it.
  if (!event.success) return '';
  const { ok, message, height } = await parts.handle(event.data, { user: 'root', pid });
  // Not in the ledger, so nothing was done: the Node hook makes room for the guest's start.
  if (!ok && height === null) return '';
  return hookAnswer(ok || !parts.strict() ? 0 : 3, message);
}
