// Lets calls of root through, and refuses all others without a look at their arguments. Whoever left before the bus could be
// asked who that was (dbus-send does, unless it prints the reply) goes through as nobody known: what to make of that is the
// service's to decide.

import type { Caller } from './bus.ts';
import type { Header } from './frames.ts';

/** Bytes of arguments; the largest that a method takes is an event of 64 KiB of text. */
const ARGUMENTS_MAX = 256 * 1024;
/** Calls of senders that the bus is still asked about, of all and of one, and bytes of their arguments. */
const WAITING_MAX = 64;
const WAITING_OF_ONE_MAX = 8;
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** Connections that are remembered; each run of the command line is a new one. */
const SENDERS_MAX = 256;

const ACCESS_DENIED = 'org.freedesktop.DBus.Error.AccessDenied';
const LIMITS_EXCEEDED = 'org.freedesktop.DBus.Error.LimitsExceeded';

export interface IncomingParts {
  /** Asks the bus who a unique name is; rejects when it is gone. */
  callerOf(sender: string): Promise<Caller>;
  accept(header: Header, body: Buffer | undefined, caller: Caller): void;
  refuse(header: Header, errorName: string, text: string): void;
  /** Somebody who is not root called. */
  denied(header: Header, caller: Caller): void;
}

export interface IncomingCalls {
  /** Whether the arguments are worth keeping. */
  wants(header: Header): boolean;
  take(header: Header, body: Buffer | undefined): void;
}

/** Who left at once. */
export const GONE: Caller = { uid: undefined, pid: undefined, trusted: false };

interface Waiting {
  header: Header;
  body: Buffer | undefined;
}

/** Unique names are never given out twice, so what is known of one stays true. Calls of one sender keep their order. */
export function incomingCalls({ callerOf, accept, refuse, denied }: IncomingParts): IncomingCalls {
  const known = new Map<string, Caller>();
  const waiting = new Map<string, Waiting[]>();
  let count = 0;
  let bytes = 0;

  const settle = (caller: Caller, { header, body }: Waiting) => {
    if (caller !== GONE && !caller.trusted) {
      refuse(header, ACCESS_DENIED, 'Only root may call the agent');
      denied(header, caller);
    } else if (body === undefined && header.bodyLength > 0) {
      const text = `Arguments may have ${ARGUMENTS_MAX} bytes in all, these have ${header.bodyLength}`;
      refuse(header, LIMITS_EXCEEDED, text);
    } else accept(header, body, caller);
  };

  const learn = async (sender: string, calls: readonly Waiting[]) => {
    const caller = await callerOf(sender).catch(() => undefined);
    waiting.delete(sender);
    count -= calls.length;
    bytes -= calls.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
    // Without an answer there is nobody any more who could be told.
    if (caller === undefined) return;
    known.set(sender, caller);
    const [oldest] = known.keys();
    if (known.size > SENDERS_MAX && oldest !== undefined) known.delete(oldest);
    for (const call of calls) settle(caller, call);
  };

  return {
    wants({ sender = '', bodyLength }) {
      if (bodyLength > ARGUMENTS_MAX) return false;
      const caller = known.get(sender);
      if (caller !== undefined) return caller === GONE || caller.trusted;
      return count < WAITING_MAX && bytes + bodyLength <= WAITING_BYTES_MAX;
    },
    take(header, body) {
      const { sender = '' } = header;
      const caller = known.get(sender);
      if (caller !== undefined) return settle(caller, { header, body });
      const calls = waiting.get(sender);
      const isLost = body === undefined && header.bodyLength > 0 && header.bodyLength <= ARGUMENTS_MAX;
      if (isLost || count >= WAITING_MAX || (calls?.length ?? 0) >= WAITING_OF_ONE_MAX)
        return refuse(header, LIMITS_EXCEEDED, 'Too many calls wait; try again');
      count++;
      bytes += body?.length ?? 0;
      if (calls !== undefined) return void calls.push({ header, body });
      const first = [{ header, body }];
      waiting.set(sender, first);
      void learn(sender, first);
    },
  };
}
