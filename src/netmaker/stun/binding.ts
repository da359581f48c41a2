// One STUN Binding transaction over UDP: as whom does the server see this host, and as whom did the kernel send.

import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { AgentError, isErrno } from '../../core/lib/errors.ts';
import type { Endpoint } from './address-attribute.ts';
import { bindingRequest, readBindingAnswer } from './binding-message.ts';
import { waitsBetweenSends } from './retransmission.ts';

export interface BindingRequest {
  /** Address, not name, and port of the server. */
  server: { host: string; port: number };
  family: 4 | 6;
  /** Where to send from; the kernel chooses by its routes otherwise. */
  localAddress?: string;
  localPort?: number;
  /** Twelve bytes; random ones otherwise. */
  transaction?: Uint8Array;
  deadlineMs: number;
}

export interface Binding {
  mapped: Endpoint;
  local: Endpoint;
  rttMs: number;
}

/** What is known of a binding that failed, as the cause of its `stun-failed`. */
export class BindingFailure extends Error {
  /** The address the kernel sends from; undefined without a route. */
  readonly local: Endpoint | undefined;
  readonly why: FailedBecause;

  constructor(message: string, why: FailedBecause, local?: Endpoint) {
    super(message);
    this.name = 'BindingFailure';
    this.why = why;
    this.local = local;
  }
}

/** `no-route`: nothing could be sent. `refused`: nobody listens. `silent`: no answer. `answer`: one of no use. */
export type FailedBecause = 'no-route' | 'refused' | 'silent' | 'answer';

/**
 * Asks once, with the repetitions of RFC 8489 6.2.1 within the deadline. Throws `stun-failed`, whose cause is a
 * BindingFailure.
 */
export async function stunBinding(request: BindingRequest): Promise<Binding> {
  const { server, family } = request;
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
  try {
    const local = await connect(socket, request);
    return await transact(socket, request, local);
  } catch (error) {
    const text = `STUN server ${at(server)}: ${error instanceof Error ? error.message : String(error)}`;
    throw new AgentError('stun-failed', text, { cause: error });
  } finally {
    socket.close();
  }
}

/** Connecting sends nothing; it makes the kernel choose the source, and take answers from the server only. */
async function connect(
  socket: Socket,
  { server, localAddress, localPort }: BindingRequest,
): Promise<Endpoint> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      const ready = () => socket.connect(server.port, server.host, resolve as (error?: Error) => void);
      if (localAddress === undefined && localPort === undefined) ready();
      else socket.bind({ port: localPort ?? 0, ...(localAddress && { address: localAddress }) }, ready);
    });
  } catch (error) {
    throw new BindingFailure(`cannot be sent to (${codeOf(error)})`, 'no-route');
  } finally {
    socket.removeAllListeners('error');
  }
  const { address, port } = socket.address();
  return { address: address.replace(/%.*$/, ''), port };
}

async function transact(socket: Socket, request: BindingRequest, local: Endpoint): Promise<Binding> {
  const { id, bytes } = bindingRequest(request.transaction ?? randomBytes(12));
  const waits = waitsBetweenSends(request.deadlineMs);
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  /** RFC 1122 4.1.3.3: an unreachable network or host may be so for a moment only. */
  let hindrance = '';
  try {
    return await new Promise<Binding>((resolve, reject) => {
      const fail = (text: string, why: FailedBecause) => reject(new BindingFailure(text, why, local));
      const hindered = (error: unknown) => {
        if (isErrno(error, 'ECONNREFUSED')) fail('nobody listens there', 'refused');
        else hindrance = ` (${codeOf(error)})`;
      };
      const send = (turn: number) => {
        const wait = waits[turn];
        if (wait === undefined) {
          const span = `${Math.round(performance.now() - started)} ms`;
          return fail(`no answer to ${local.address} within ${span}${hindrance}`, 'silent');
        }
        socket.send(bytes, (error) => error && hindered(error));
        timer = setTimeout(send, wait, turn + 1);
      };
      socket.on('error', hindered);
      socket.on('message', (datagram) => {
        const answer = readBindingAnswer(datagram, id);
        if (answer?.kind === 'mapped') {
          resolve({ mapped: answer.endpoint, local, rttMs: performance.now() - started });
        } else if (answer?.kind === 'error') {
          fail(`answered with error ${answer.code} ${oneLine(answer.reason)}`.trimEnd(), 'answer');
        } else if (answer) fail(`its answer ${answer.reason}`, 'answer');
      });
      send(0);
    });
  } finally {
    clearTimeout(timer);
    socket.removeAllListeners();
    // What the kernel still says of datagrams on their way must not end the process.
    socket.on('error', () => {});
  }
}

const at = ({ host, port }: { host: string; port: number }) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);

const oneLine = (text: string) => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 100);
