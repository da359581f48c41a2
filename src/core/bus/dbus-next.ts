// The adapter to dbus-next, and the only file that imports it.
//
// It uses the low-level half of the library alone: match rules leak and signals get lost in its proxies,
// a call never times out, and the end of a connection is not reported (measured with 0.10.2). So match
// rules are counted here, calls have deadlines, and the stream's own `close` ends everything.

import dbus, { type Message, type MessageBus } from 'dbus-next';
import { withDeadline } from '../deadline.ts';
import { AgentError } from '../errors.ts';
import {
  type Bus,
  type BusCall,
  BusError,
  type BusSignal,
  type IncomingCall,
  type MatchRule,
} from './bus.ts';

const NO_AUTO_START = 2;
const METHOD_CALL = 1;
const SIGNAL = 4;
const DAEMON = 'org.freedesktop.DBus';
const DAEMON_PATH = '/org/freedesktop/DBus';
const REQUEST_NAME_DO_NOT_QUEUE = 4;
const PRIMARY_OWNER = 1;
const ALREADY_OWNER = 4;

interface Internals {
  _connection: { stream: NodeJS.ReadWriteStream & { destroy(): void } };
  addMethodHandler(handler: (message: Message) => boolean): void;
}

/** Takes variants off and makes 64-bit integers a number, or a decimal string where a number is not exact. */
export function plain(value: unknown): unknown {
  if (value instanceof dbus.Variant) return plain(value.value);
  if (typeof value === 'bigint') {
    return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
      ? Number(value)
      : value.toString();
  }
  if (Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  }
  return value;
}

/** The library's types say `string` for its first parameter; it takes the message. */
const newError = dbus.Message.newError as unknown as (call: Message, name: string, text: string) => Message;

function ruleText(rule: MatchRule): string {
  const parts = [`type='signal'`, `sender='${rule.sender}'`, `interface='${rule.interface}'`];
  parts.push(`member='${rule.member}'`);
  if (rule.path !== undefined) parts.push(`path='${rule.path}'`);
  if (rule.arg0 !== undefined) parts.push(`arg0='${rule.arg0}'`);
  return parts.join(',');
}

function matches(rule: MatchRule, message: Message): boolean {
  return (
    message.interface === rule.interface &&
    message.member === rule.member &&
    (rule.path === undefined || message.path === rule.path) &&
    (rule.arg0 === undefined || message.body[0] === rule.arg0) &&
    (!rule.sender.startsWith(':') && rule.sender !== DAEMON ? true : message.sender === rule.sender)
  );
}

/** Waits for the Hello of a fresh connection; the library reports failures only as `error` events. */
function greeted(raw: MessageBus): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.once('connect', () => resolve());
    raw.on('error', (error: Error) => reject(error));
  });
}

/**
 * Connects to the system bus (`DBUS_SYSTEM_BUS_ADDRESS`, else the standard socket).
 * Throws `bus-unreachable`.
 */
export async function connectSystemBus(deadlineMs = 5000): Promise<Bus> {
  let raw: MessageBus;
  try {
    raw = dbus.systemBus();
    await withDeadline(deadlineMs, 'connecting to the system bus', () => greeted(raw));
  } catch (error) {
    throw new AgentError('bus-unreachable', 'The D-Bus system bus does not answer', { cause: error });
  }
  return new DbusNextBus(raw);
}

class DbusNextBus implements Bus {
  readonly name: string;
  readonly closed: Promise<void>;
  readonly #raw: MessageBus & Internals;
  readonly #listeners = new Set<{ rule: MatchRule; listener: (signal: BusSignal) => void }>();
  readonly #ruleUsers = new Map<string, number>();
  readonly #pending = new Set<(error: Error) => void>();
  #ended = false;
  #receiver: (call: IncomingCall) => boolean = () => false;

  constructor(raw: MessageBus) {
    this.#raw = raw as MessageBus & Internals;
    this.name = (raw as unknown as { name: string }).name;
    this.closed = new Promise((resolve) => {
      this.#raw._connection.stream.once('close', () => {
        this.#ended = true;
        const error = new AgentError('bus-unreachable', 'The D-Bus system bus closed the connection');
        for (const reject of this.#pending) reject(error);
        this.#pending.clear();
        resolve();
      });
    });
    raw.on('error', () => undefined);
    raw.on('message', (message: Message) => this.#onMessage(message));
    this.#raw.addMethodHandler((message: Message) => this.#onCall(message));
  }

  async call(call: BusCall): Promise<unknown[]> {
    const what = `${call.interface}.${call.member}`;
    if (this.#ended) throw new AgentError('bus-unreachable', `${what}: the D-Bus connection is closed`);
    const message = new dbus.Message({
      destination: call.destination,
      path: call.path,
      interface: call.interface,
      member: call.member,
      signature: call.signature ?? '',
      body: call.body ?? [],
      flags: call.autoStart ? 0 : NO_AUTO_START,
    });
    return withDeadline(call.deadlineMs ?? 10_000, what, (signal) => this.#send(message, what, signal));
  }

  #send(message: Message, what: string, signal: AbortSignal): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        this.#pending.delete(fail);
        reject(error);
      };
      this.#pending.add(fail);
      signal.addEventListener('abort', () => this.#pending.delete(fail), { once: true });
      this.#raw.call(message).then(
        (reply) => {
          this.#pending.delete(fail);
          resolve((reply?.body ?? []).map(plain));
        },
        (error: Error & { type?: string; text?: string }) => {
          const cause = error.type ? new BusError(error.type, String(error.text ?? '')) : error;
          fail(new AgentError('bus-call-failed', `${what} failed`, { cause }));
        },
      );
    });
  }

  async subscribe(rule: MatchRule, listener: (signal: BusSignal) => void): Promise<() => Promise<void>> {
    const entry = { rule, listener };
    const text = ruleText(rule);
    const users = this.#ruleUsers.get(text) ?? 0;
    this.#ruleUsers.set(text, users + 1);
    this.#listeners.add(entry);
    if (users === 0) await this.#daemon('AddMatch', 's', [text]);
    return async () => {
      if (!this.#listeners.delete(entry)) return;
      const left = (this.#ruleUsers.get(text) ?? 1) - 1;
      if (left > 0) {
        this.#ruleUsers.set(text, left);
        return;
      }
      this.#ruleUsers.delete(text);
      if (!this.#ended) await this.#daemon('RemoveMatch', 's', [text]);
    };
  }

  async requestName(name: string): Promise<void> {
    const [result] = await this.#daemon('RequestName', 'su', [name, REQUEST_NAME_DO_NOT_QUEUE]);
    if (result !== PRIMARY_OWNER && result !== ALREADY_OWNER) {
      throw new AgentError('bus-call-failed', `The bus name ${name} belongs to another process`);
    }
  }

  serve(receiver: (call: IncomingCall) => boolean): void {
    this.#receiver = receiver;
  }

  emit(path: string, interfaceName: string, member: string, signature: string, body: unknown[]): void {
    // Nobody waits for a signal, and sending one takes 0.4 ms: whatever follows in the same turn goes first.
    setImmediate(() => {
      if (!this.#ended) this.#raw.send(dbus.Message.newSignal(path, interfaceName, member, signature, body));
    });
  }

  variant(signature: string, value: unknown): unknown {
    return new dbus.Variant(signature, value);
  }

  close(): void {
    this.#raw.disconnect();
  }

  #daemon(member: string, signature: string, body: unknown[]): Promise<unknown[]> {
    return this.call({ destination: DAEMON, path: DAEMON_PATH, interface: DAEMON, member, signature, body });
  }

  #onMessage(message: Message): void {
    if (message.type !== SIGNAL) return;
    const signal: BusSignal = {
      sender: message.sender,
      path: message.path,
      interface: message.interface,
      member: message.member,
      body: message.body.map(plain),
    };
    for (const { rule, listener } of [...this.#listeners]) {
      if (matches(rule, message)) listener(signal);
    }
  }

  #onCall(message: Message): boolean {
    if (message.type !== METHOD_CALL) return false;
    return this.#receiver({
      sender: message.sender,
      path: message.path,
      interface: message.interface ?? '',
      member: message.member,
      signature: message.signature ?? '',
      body: message.body.map(plain),
      reply: (signature, body) => {
        if (!this.#ended) this.#raw.send(dbus.Message.newMethodReturn(message, signature, body));
      },
      fail: (errorName, text) => {
        if (!this.#ended) this.#raw.send(newError(message, errorName, text));
      },
    });
  }
}
