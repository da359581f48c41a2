// The agent's own small answer to "who am I?" at the gateway addresses: STUN over UDP, and /ip over HTTP.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { isUnicast, parseIp } from '../../core/lib/cidr.ts';
import { AgentError, isErrno } from '../../core/lib/errors.ts';
import { sourceKey, type TakeToken, tokenBuckets } from '../../core/lib/token-buckets.ts';
import { bindingReply } from './binding-message.ts';
import { ipReply } from './ip-reply.ts';

export interface ResponderOptions {
  /** Gateway addresses of both families; a link-local one with its zone, `fe80::1%ovsbr1`. */
  addresses: readonly string[];
  stunPort: number;
  httpPort: number;
  /** Told once for each thing that is wrong, until it is another or was right in between. Always `responder-failed`. */
  onError(error: AgentError): void;
}

export interface Responder {
  /** Opens what is not open yet, as far as the addresses are there. Call it again when they may have come. Does not throw. */
  ensure(): Promise<void>;
  close(): Promise<void>;
  /** `stun:203.0.113.1:3478`, `http://203.0.113.1:8090/ip`. */
  listening(): string[];
}

/** RFC 8489 6.1: a request fits into the smallest MTU, less IP's and UDP's header. */
const REQUEST_MAX = 548;
const PER_SOURCE = { perSecond: 20, burst: 50, sources: 1024 };
/** Spoofed sources have a bucket each, so all together have one as well. */
const TOGETHER = { perSecond: 500, burst: 1000, sources: 1 };
const HTTP_LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 5000,
  connectionsCheckingInterval: 1000,
  keepAlive: false,
};
const CONNECTIONS = 64;

type Close = () => Promise<void>;
type Allowed = (address: string) => boolean;

/** Opens nothing yet. Throws `bad-argument` for what is no unicast address: it listens at these only, never at all. */
export function openResponder({ addresses, stunPort, httpPort, onError }: ResponderOptions): Responder {
  for (const address of addresses) demandUnicast(address);
  const each = tokenBuckets(PER_SOURCE);
  const together = tokenBuckets(TOGETHER);
  const allowed = limiter(each, together);
  const open = new Map<string, Close>();
  const pendingRetries = new Map<string, string>();
  let closed = false;
  let turn = Promise.resolve();

  const desired = addresses.flatMap((address) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return [
      {
        name: `stun:${host}:${stunPort}`,
        listen: (lost: Lost) => listenStun(address, stunPort, allowed, lost),
      },
      {
        name: `http://${host}:${httpPort}/ip`,
        listen: (lost: Lost) => listenHttp(address, httpPort, allowed, lost),
      },
    ];
  });

  const report = (name: string, error: unknown) => {
    const why = isErrno(error, 'EADDRNOTAVAIL') ? 'the address is not there yet' : (error as Error).message;
    if (pendingRetries.get(name) === why) return;
    pendingRetries.set(name, why);
    onError(new AgentError('responder-failed', `Nothing answers at ${name}: ${why}`));
  };
  const listenAll = async () => {
    for (const { name, listen } of desired) {
      if (closed || open.has(name)) continue;
      const lost: Lost = (error) => {
        open.delete(name);
        report(name, error);
      };
      try {
        open.set(name, await listen(lost));
        pendingRetries.delete(name);
      } catch (error) {
        report(name, error);
      }
    }
  };

  return {
    ensure() {
      turn = turn.then(listenAll);
      return turn;
    },
    async close() {
      closed = true;
      await turn;
      const closing = [...open.values()].map((close) => close());
      open.clear();
      await Promise.all(closing);
    },
    listening: () => [...open.keys()],
  };
}

type Lost = (error: unknown) => void;

async function listenStun(address: string, port: number, allowed: Allowed, lost: Lost): Promise<Close> {
  const socket = createSocket({
    type: address.includes(':') ? 'udp6' : 'udp4',
    ipv6Only: address.includes(':'),
  });
  socket.on('message', (datagram, from) => {
    if (datagram.length > REQUEST_MAX || from.port === 0 || !allowed(from.address)) return;
    const source = { address: withoutZone(from.address), port: from.port };
    const reply = bindingReply(datagram, source);
    // Who cannot be reached has to ask again.
    if (reply) socket.send(reply, from.port, from.address, () => {});
  });
  const close = () => new Promise<void>((resolve) => socket.close(() => resolve()));
  try {
    const listening = once(socket, 'listening');
    socket.bind({ address, port });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.on('error', (error) => {
    socket.close();
    lost(error);
  });
  return close;
}

async function listenHttp(address: string, port: number, allowed: Allowed, lost: Lost): Promise<Close> {
  const server = createServer({ ...HTTP_LIMITS, maxHeaderSize: 4096 }, (request, response) => {
    const from = request.socket.remoteAddress;
    if (from === undefined || !allowed(from)) {
      response.writeHead(429, { connection: 'close', 'content-length': 0 }).end();
      return;
    }
    const { status, headers, body } = ipReply(request.method, request.url, withoutZone(from));
    response.writeHead(status, {
      ...headers,
      connection: 'close',
      'content-length': Buffer.byteLength(body),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  server.maxConnections = CONNECTIONS;
  server.maxHeadersCount = 32;
  // Also for who sends nothing, or reads nothing.
  server.setTimeout(5000);
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const listening = once(server, 'listening');
  server.listen({ host: address, port, ipv6Only: true, backlog: CONNECTIONS });
  await listening;
  server.on('error', (error) => {
    void close();
    lost(error);
  });
  return close;
}

function limiter(each: TakeToken, together: TakeToken): Allowed {
  return (address) => {
    const now = performance.now();
    return each(sourceKey(address), now) && together('all', now);
  };
}

function demandUnicast(address: string): void {
  const ip = parseIp(withoutZone(address));
  if (ip !== undefined && (isUnicast(ip) || LOOPBACK.test(ip.text))) return;
  throw new AgentError(
    'bad-argument',
    `The responder needs addresses of its own, not ${JSON.stringify(address)}`,
  );
}

const LOOPBACK = /^127\.|^::1$/;

const withoutZone = (address: string) => address.replace(/%.*$/, '');
