// The witness on the network: HTTP or HTTPS around `addCheckpoint`, for peers that nobody need trust.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type BucketLimits, sourceKey, tokenBuckets } from '../../core/lib/token-buckets.ts';
import { MAX_BODY_BYTES } from '../add-checkpoint.ts';
import type { Answer, Witness } from '../witness.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM texts; absent: plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  readonly witness: Pick<Witness, 'addCheckpoint'>;
  readonly limits?: Partial<ServeLimits>;
  /** The server cannot go on. */
  readonly onLost: (error: Error) => void;
}

export interface ServeLimits {
  readonly perPeer: BucketLimits;
  /** Sources can be forged, or many, so all together have a limit as well. */
  readonly together: BucketLimits;
  readonly connections: number;
  readonly connectionsPerPeer: number;
  /** Milliseconds in which a whole request must have come. */
  readonly requestMs: number;
}

/** A log asks some times a minute; a peer that catches up asks as fast as it can for a moment. */
const LIMITS: ServeLimits = {
  perPeer: { perSecond: 5, burst: 100, sources: 4096 },
  together: { perSecond: 100, burst: 500, sources: 1 },
  connections: 256,
  connectionsPerPeer: 16,
  requestMs: 10_000,
};
const IDLE_MS = 30_000;

export interface Served {
  /** Where it listens. */
  readonly address: AddressInfo;
  close(): Promise<void>;
}

/** Resolves when it listens. Rejects with the system's error. */
export async function serveWitness(options: ServeOptions): Promise<Served> {
  const { host, port, tls, onLost } = options;
  const limits = { ...LIMITS, ...options.limits };
  const allowed = limiter(limits);
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void handle(request, response, allowed, options.witness).catch(() => request.destroy());
  const settings = {
    headersTimeout: Math.min(5_000, limits.requestMs),
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(1_000, limits.requestMs),
    keepAliveTimeout: IDLE_MS,
    maxHeaderSize: 8192,
  };
  const server: Server = tls
    ? (await import('node:https')).createServer(
        { ...settings, cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2', handshakeTimeout: 5_000 },
        listener,
      )
    : createServer(settings, listener);
  server.maxConnections = limits.connections;
  server.maxHeadersCount = 64;
  server.setTimeout(IDLE_MS + 5_000);
  boundPeers(server, limits.connectionsPerPeer);
  const listening = once(server, 'listening');
  server.listen({ host, port, ipv6Only: true });
  await listening;
  server.on('error', onLost);
  return {
    address: server.address() as AddressInfo,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Allowed = (address: string | undefined) => boolean;

function limiter({ perPeer, together }: ServeLimits): Allowed {
  const each = tokenBuckets(perPeer);
  const all = tokenBuckets(together);
  return (address) => {
    const now = performance.now();
    return address !== undefined && each(sourceKey(address), now) && all('all', now);
  };
}

/** One peer may not take all connections. Counted before TLS, whose handshake is what costs most. */
function boundPeers(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const peer = sourceKey(socket.remoteAddress ?? '');
    const count = (open.get(peer) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(peer, count);
    socket.once('close', () => {
      const rest = (open.get(peer) ?? 1) - 1;
      if (rest > 0) open.set(peer, rest);
      else open.delete(peer);
    });
  });
}

const PATH = '/add-checkpoint';
const PLAIN = 'text/plain; charset=utf-8';

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  allowed: Allowed,
  witness: Pick<Witness, 'addCheckpoint'>,
): Promise<void> {
  const close = { connection: 'close' };
  // Before anything of it is read: reading and checking is what costs.
  if (!allowed(request.socket.remoteAddress))
    return end(response, 429, PLAIN, 'too many requests\n', { ...close, 'retry-after': '30' });
  if (request.url !== PATH) return end(response, 404, PLAIN, `there is ${PATH} alone\n`, close);
  if (request.method !== 'POST') return end(response, 405, PLAIN, 'POST it\n', { ...close, allow: 'POST' });
  const body = await bodyOf(request);
  if (body === undefined) return end(response, 413, PLAIN, 'it is too long\n', close);
  const answer: Answer = await witness.addCheckpoint(body);
  end(response, answer.status, answer.type, answer.body);
}

function end(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** Undefined for one that is too long. Rejects when the peer goes, or takes too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return undefined;
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
