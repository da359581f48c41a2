// Records calls of the agent with who made them, before their answers go out.

import { entryOf } from '../../core/ledger/producer.ts';
import { isAgentError } from '../../core/lib/errors.ts';
import { shortened } from '../../core/lib/shortened.ts';
import { openBudget } from '../budget.ts';
import type { Appender } from '../redacted.ts';
import { USERS } from './actions.ts';
import { aboutOf, readWho, type Who } from './who.ts';

export interface CallParts {
  ledger: Appender;
  /** Whether calls that only read are recorded, too. */
  reads: boolean;
  steady: () => number;
  onError: (error: unknown) => void;
}

/** A call as it came in. */
export interface MadeCall {
  method: string;
  arguments: readonly unknown[];
  user: string;
  pid: number;
  /** `itself`: what it leads to says who asked; nothing is said of the call. */
  changes: 'call' | 'itself' | undefined;
}

export interface Calls {
  /** Runs a call and records it. Throws what `run` throws; a ledger that cannot be written is told, and is no failure of the call. */
  during<T>(call: MadeCall, run: (about: Record<string, string>) => Promise<T>): Promise<T>;
  /** One that was not let through. */
  refused(method: string, uid: number | undefined, pid: number | undefined): Promise<void>;
}

/** So many at once, then one in so many milliseconds: a script that polls must not fill the ledger. */
const BURST = 60;
const EVERY_MS = 1000;
/** Refused ones cost who makes them nothing. */
const REFUSED_BURST = 10;
const REFUSED_EVERY_MS = 60_000;
const ARGUMENT_MAX = 256;

export function openCalls({ ledger, reads, steady, onError }: CallParts): Calls {
  const made = openTold(openBudget(BURST, EVERY_MS, steady));
  const denied = openTold(openBudget(REFUSED_BURST, REFUSED_EVERY_MS, steady));
  const record = async (call: MadeCall, by: Who, error: unknown) => {
    const leftOut = made.next();
    if (leftOut === undefined) return;
    const data = {
      method: call.method,
      arguments: call.arguments.map(argument),
      outcome: error === undefined ? ('done' as const) : ('failed' as const),
      ...(isAgentError(error) && { code: error.code }),
      by,
      ...leftOut,
    };
    const { user, pid } = call;
    await ledger.append(entryOf(USERS, { action: 'call_made', data, user, pid })).catch(onError);
  };
  return {
    async during(call, run) {
      if (call.changes === undefined && !reads) return run({});
      // At once: who asks is there for as long as the answer is not.
      const by = await readWho({ uid: uidOf(call.user), pid: call.pid });
      try {
        const answer = await run(aboutOf(by));
        if (call.changes !== 'itself') await record(call, by, undefined);
        return answer;
      } catch (error) {
        if (call.changes !== 'itself') await record(call, by, error ?? 'nothing was said');
        throw error;
      }
    },
    async refused(method, uid, pid) {
      const leftOut = denied.next();
      if (leftOut === undefined) return;
      const data = { method: shortened(method, ARGUMENT_MAX), by: await readWho({ uid, pid }), ...leftOut };
      const user = uid === undefined ? 'unknown' : `uid:${uid}`;
      await ledger
        .append(entryOf(USERS, { action: 'call_refused', data, user, pid: pid ?? 0 }))
        .catch(onError);
    },
  };
}

/** Counts what a budget leaves out, and says how many with the next one. */
function openTold(budget: { take(): boolean }) {
  let leftOut = 0;
  return {
    /** Undefined: it is left out. */
    next(): { left_out?: number } | undefined {
      if (!budget.take()) {
        leftOut += 1;
        return undefined;
      }
      const count = leftOut;
      leftOut = 0;
      return count === 0 ? {} : { left_out: count };
    },
  };
}

function uidOf(user: string): number | undefined {
  if (user === 'root') return 0;
  const [, uid] = /^uid:(\d+)$/.exec(user) ?? [];
  return uid === undefined ? undefined : Number(uid);
}

function argument(value: unknown): string | number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0)) return value;
  return shortened(String(value), ARGUMENT_MAX);
}
