// The connection to the system bus: calls, signals and our own service, safe from what others send.
//
// Whether a body is looked at is decided by the header alone: an answer that is waited for, a signal that was asked
// for and comes from the service itself, a call by root. Calls have deadlines, match rules are counted, and the end
// of the socket ends everything.

import type { Socket } from 'node:net';
import * as z from 'zod/mini';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError } from '../lib/errors.ts';
import type { IncomingCall, MatchRule } from './bus.ts';
import { type Bus, type BusCall, BusError, type BusSignal, busErrorType, type Caller } from './bus.ts';
import { openBusSocket, systemBusPath } from './connect.ts';
import { decode, encode, type Outgoing, variant } from './dbus-next.ts';
import { frameReader, type Header } from './frames.ts';
import { GONE, incomingCalls } from './incoming-calls.ts';
import { openSubscriptions } from './subscriptions.ts';

const METHOD_CALL = 1;
const METHOD_RETURN = 2;
const ERROR = 3;
const SIGNAL = 4;
const NO_REPLY_EXPECTED = 1;
const NO_AUTO_START = 2;
const DAEMON = 'org.freedesktop.DBus';
const NO_OWNER = `${DAEMON}.Error.NameHasNoOwner`;
const DAEMON_PATH = '/org/freedesktop/DBus';
const REQUEST_NAME_DO_NOT_QUEUE = 4;
const PRIMARY_OWNER = 1;
const ALREADY_OWNER = 4;

/** Bytes of a message of ours: the system bus throws out who sends more than 32 MiB. */
const SENT_MAX = 31 * 1024 * 1024;
/** Bytes of an answer to a call of ours. */
const ANSWER_MAX = 16 * 1024 * 1024;

const nameReply = z.tuple([z.string()]);
const credentialsReply = z.tuple([
  z.object({ UnixUserID: z.optional(z.number()), ProcessID: z.optional(z.number()) }),
]);

/**
 * Connects to the system bus (`DBUS_SYSTEM_BUS_ADDRESS`, else the standard socket).
 * Throws `bus-unreachable`.
 */
export async function connectSystemBus(deadlineMs = 5000): Promise<Bus> {
  let socket: Socket | undefined;
  const until = performance.now() + deadlineMs;
  try {
    socket = await openBusSocket(systemBusPath(), deadlineMs);
    const bus = new SystemBus(socket);
    await bus.greet(Math.max(1, until - performance.now()));
    return bus;
  } catch (error) {
    socket?.destroy();
    throw new AgentError('bus-unreachable', 'The D-Bus system bus does not answer', { cause: error });
  }
}

/**
 * Connects to a process that speaks D-Bus at a socket of its own, where there is no daemon between: only calls can be
 * made. Throws `bus-unreachable`.
 */
export async function connectPeer(path: string, deadlineMs: number): Promise<Pick<Bus, 'call' | 'close'>> {
  try {
    return new SystemBus(await openBusSocket(path, deadlineMs));
  } catch (error) {
    throw new AgentError('bus-unreachable', `${path} does not answer`, { cause: error });
  }
}

interface Pending {
  what: string;
  resolve(body: unknown[]): void;
  reject(error: Error): void;
}

class SystemBus implements Bus {
  name = '';
  readonly closed: Promise<void>;
  readonly variant = variant;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions = openSubscriptions({
    daemon: DAEMON,
    ask: (member, signature, body) => this.#daemon(member, signature, body),
    isOpen: () => !this.#ended,
  });
  readonly #calls = incomingCalls({
    callerOf: (sender) => this.#callerOf(sender),
    accept: (header, body, caller) => this.#accept(header, body, caller),
    refuse: (header, errorName, text) => this.#fail(header, errorName, text),
    denied: ({ member = '' }, caller) => this.#onRefused({ member, caller }),
  });
  #serial = 0;
  #ended = false;
  #isNamed = false;
  #receiver: (call: IncomingCall) => boolean = () => false;
  #onRefused: Parameters<Bus['onRefused']>[0] = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    const read = frameReader({
      wants: (header) => this.#wants(header),
      onMessage: (header, body) => this.#onMessage(header, body),
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ended = true;
        const error = new AgentError('bus-unreachable', 'The D-Bus system bus closed the connection');
        for (const { reject } of this.#pending.values()) reject(error);
        this.#pending.clear();
        resolve();
      });
    });
    // `close` follows, and tells all there is.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      try {
        read(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.resume();
  }

  async greet(deadlineMs: number): Promise<void> {
    const reply = await this.#daemon('Hello', '', [], deadlineMs);
    [this.name] = nameReply.parse(reply);
  }

  async call(call: BusCall): Promise<unknown[]> {
    const what = `${call.interface}.${call.member}`;
    const { destination, path, interface: interfaceName, member } = call;
    const message: Outgoing = {
      type: METHOD_CALL,
      flags: call.autoStart ? 0 : NO_AUTO_START,
      destination,
      path,
      interface: interfaceName,
      member,
      signature: call.signature ?? '',
      body: call.body ?? [],
    };
    return withDeadline(call.deadlineMs ?? 10_000, what, (signal) => this.#ask(message, what, signal));
  }

  #ask(message: Outgoing, what: string, signal: AbortSignal): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) throw new AgentError('bus-unreachable', `${what}: the D-Bus connection is closed`);
      let serial: number;
      try {
        serial = this.#send(message);
      } catch (cause) {
        throw new AgentError('bus-call-failed', `${what} failed`, { cause });
      }
      this.#pending.set(serial, { what, resolve, reject });
      signal.addEventListener('abort', () => this.#pending.delete(serial), { once: true });
    });
  }

  subscribe(rule: MatchRule, listener: (signal: BusSignal) => void): Promise<() => Promise<void>> {
    return this.#subscriptions.add(rule, listener);
  }

  async requestName(name: string): Promise<void> {
    const [result] = await this.#daemon('RequestName', 'su', [name, REQUEST_NAME_DO_NOT_QUEUE]);
    if (result !== PRIMARY_OWNER && result !== ALREADY_OWNER) {
      throw new AgentError('bus-call-failed', `The bus name ${name} belongs to another process`);
    }
    this.#isNamed = true;
  }

  serve(receiver: (call: IncomingCall) => boolean): void {
    this.#receiver = receiver;
  }

  onRefused(listener: Parameters<Bus['onRefused']>[0]): void {
    this.#onRefused = listener;
  }

  emit(path: string, interfaceName: string, member: string, signature: string, body: unknown[]): void {
    // The bus keeps from others what comes from the owner of our name: before we are that, anybody would hear it.
    if (!this.#isNamed) return;
    // Nobody waits for a signal, and sending one takes 0.4 ms: whatever follows in the same turn goes first.
    setImmediate(() => {
      if (!this.#ended) this.#send({ type: SIGNAL, path, interface: interfaceName, member, signature, body });
    });
  }

  close(): void {
    this.#socket.end();
  }

  #send(message: Outgoing): number {
    this.#serial = (this.#serial % 0xffff_ffff) + 1;
    const bytes = encode(message, this.#serial);
    if (bytes.length > SENT_MAX)
      throw new Error(`a message of ${bytes.length} bytes is too much for the bus`);
    this.#socket.write(bytes);
    return this.#serial;
  }

  #daemon(member: string, signature: string, body: unknown[], deadlineMs = 10_000): Promise<unknown[]> {
    return this.call({
      destination: DAEMON,
      path: DAEMON_PATH,
      interface: DAEMON,
      member,
      signature,
      body,
      deadlineMs,
    });
  }

  async #callerOf(sender: string): Promise<Caller> {
    const reply = await this.#daemon('GetConnectionCredentials', 's', [sender]).catch((error: unknown) => {
      if (busErrorType(error) === NO_OWNER) return undefined;
      throw error;
    });
    if (reply === undefined) return GONE;
    const [{ UnixUserID: uid, ProcessID: pid }] = credentialsReply.parse(reply);
    return { uid, pid, trusted: uid !== undefined && (uid === 0 || uid === process.getuid?.()) };
  }

  #wants(header: Header): boolean {
    switch (header.type) {
      case METHOD_CALL:
        return this.#calls.wants(header);
      case METHOD_RETURN:
      case ERROR:
        return this.#pending.has(header.replySerial ?? 0) && header.bodyLength <= ANSWER_MAX;
      case SIGNAL:
        return this.#subscriptions.wants(header);
      default:
        return false;
    }
  }

  #onMessage(header: Header, body: Buffer | undefined): void {
    if (header.type === METHOD_CALL) this.#calls.take(header, body);
    else if (header.type === SIGNAL) this.#subscriptions.take(header, body);
    else if (header.type === METHOD_RETURN || header.type === ERROR) this.#onAnswer(header, body);
  }

  #onAnswer(header: Header, body: Buffer | undefined): void {
    const serial = header.replySerial ?? 0;
    const pending = this.#pending.get(serial);
    if (pending === undefined) return;
    this.#pending.delete(serial);
    const fail = (cause: unknown) =>
      pending.reject(new AgentError('bus-call-failed', `${pending.what} failed`, { cause }));
    if (body === undefined && header.bodyLength > 0) {
      fail(new Error(`the answer has ${header.bodyLength} bytes, which is too much`));
      return;
    }
    try {
      const values = decode(header.signature, body, header.littleEndian);
      if (header.type === METHOD_RETURN) pending.resolve(values);
      else fail(new BusError(header.errorName ?? '', typeof values[0] === 'string' ? values[0] : ''));
    } catch (error) {
      fail(error);
    }
  }

  #accept(header: Header, body: Buffer | undefined, caller: Caller): void {
    const call: IncomingCall = {
      caller,
      path: header.path ?? '',
      interface: header.interface ?? '',
      member: header.member ?? '',
      signature: header.signature,
      arguments: () => decode(header.signature, body, header.littleEndian),
      reply: (signature, values) => this.#answer(header, { type: METHOD_RETURN, signature, body: values }),
      fail: (errorName, text) => this.#fail(header, errorName, text),
    };
    try {
      if (!this.#receiver(call))
        call.fail(`${DAEMON}.Error.UnknownMethod`, `There is no ${call.interface}.${call.member} here`);
    } catch (error) {
      call.fail(`${DAEMON}.Error.Failed`, String(error));
    }
  }

  #fail(header: Header, errorName: string, text: string): void {
    this.#answer(header, { type: ERROR, errorName, signature: 's', body: [text.replaceAll('\0', '?')] });
  }

  #answer(header: Header, message: Outgoing): void {
    const { sender, serial, flags } = header;
    if (this.#ended || sender === undefined || (flags & NO_REPLY_EXPECTED) !== 0) return;
    this.#send({ ...message, destination: sender, replySerial: serial });
  }
}
