// The OVSDB client of the agent: reconnects for ever, keeps the replica, runs transactions.

import { z } from 'zod';
import { pause, withDeadline } from '../lib/deadline.ts';
import { AgentError, asAgentError, isAgentError } from '../lib/errors.ts';
import { garbled, type OvsdbConnection } from './connection.ts';
import { connectMonitored, DATABASE } from './monitored.ts';
import { emptyReplica, type Replica, type RowChange } from './replica.ts';

const RETRY_MS = [100, 250, 500, 1000, 2000] as const;
/** Less than a hook waits (`hook_deadline`), so that it can say why. A transaction takes some milliseconds. */
const TRANSACT_MS = 5_000;

/** One operation of a transaction (RFC 7047 §5.2). */
export type Operation = Readonly<Record<string, unknown>> & { op: string };

export interface OvsdbClient {
  readonly connected: boolean;
  /** Why there is no connection; undefined when there is one. */
  readonly problem: AgentError | undefined;
  readonly replica: Replica;
  /**
   * Runs the operations as one transaction. Throws `ovsdb-refused` naming the failed one, `ovsdb-unreachable`,
   * `ovsdb-garbled`, or `deadline-exceeded`: then nobody knows whether they will still be run.
   */
  transact(operations: readonly Operation[]): Promise<unknown[]>;
  /** Waits until `test` returns a value; it is asked again after each change. */
  until<T>(what: string, deadlineMs: number, test: (replica: Replica) => T | undefined): Promise<T>;
  onChange(listener: (changes: RowChange[]) => void): void;
  /** Called with true after each (re)connection with a full replica, with false when it is lost. */
  onConnection(listener: (connected: boolean) => void): void;
  close(): Promise<void>;
}

const resultsSchema = z.array(
  z.union([
    z.null(),
    z.object({ error: z.string(), details: z.string().optional() }),
    z.record(z.string(), z.unknown()),
  ]),
);

/** The error text of a transaction reply, or undefined when every operation went well. */
function refusal(results: z.infer<typeof resultsSchema>): string | undefined {
  for (const result of results) {
    if (result !== null && typeof result['error'] === 'string') {
      return [result['error'], result['details']].filter((part) => typeof part === 'string').join(': ');
    }
  }
  return undefined;
}

/** Starts connecting to ovsdb-server at `path` and goes on doing so until closed. */
export function openOvsdb(path: string): OvsdbClient {
  const replica = emptyReplica();
  const changeListeners: ((changes: RowChange[]) => void)[] = [];
  const connectionListeners: ((connected: boolean) => void)[] = [];
  const waits = new ReplicaWaits(replica);
  const stop = new AbortController();
  let connection: OvsdbConnection | undefined;
  let problem = new AgentError('ovsdb-unreachable', 'The OVSDB server is not connected');

  const apply = (update: unknown) => {
    const changes = replica.apply(update);
    waits.check();
    for (const listener of changeListeners) listener(changes);
  };

  const session = async () => {
    const fresh = await connectMonitored(path, replica, apply);
    connection = fresh;
    for (const listener of connectionListeners) listener(true);
    problem = await fresh.closed;
    connection = undefined;
    for (const listener of connectionListeners) listener(false);
  };

  const live = async () => {
    for (let attempt = 0; !stop.signal.aborted; attempt++) {
      try {
        await session();
        attempt = 0;
      } catch (error) {
        problem = asAgentError(error, 'ovsdb-unreachable', 'The OVSDB server is not connected');
      }
      await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 2000, stop.signal);
    }
  };
  const lifetime = live();

  return {
    get connected() {
      return connection !== undefined;
    },
    get problem() {
      return connection === undefined ? problem : undefined;
    },
    replica,
    async transact(operations) {
      if (connection === undefined) throw problem;
      return transactOn(connection, operations);
    },
    until: (what, deadlineMs, test) => waits.until(what, deadlineMs, test),
    onChange: (listener) => void changeListeners.push(listener),
    onConnection: (listener) => void connectionListeners.push(listener),
    async close() {
      stop.abort();
      connection?.close();
      await lifetime;
    },
  };
}

async function transactOn(connection: OvsdbConnection, operations: readonly Operation[]): Promise<unknown[]> {
  const params = [DATABASE, ...operations];
  const answer = await connection.request('transact', params, TRANSACT_MS).catch((error: unknown) => {
    // A server that hangs may still run it later: the next connection begins with what then is.
    if (isAgentError(error, 'deadline-exceeded')) connection.close(error);
    throw error;
  });
  const reply = resultsSchema.safeParse(answer);
  if (!reply.success) throw garbled();
  const refused = refusal(reply.data);
  if (refused !== undefined) throw new AgentError('ovsdb-refused', `OVSDB refused the change: ${refused}`);
  return reply.data;
}

/** Those who wait for the replica to be as they want it. */
class ReplicaWaits {
  readonly #replica: Replica;
  readonly #waiters = new Set<() => void>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** To be called after each change. */
  check(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  until<T>(what: string, deadlineMs: number, test: (replica: Replica) => T | undefined): Promise<T> {
    return withDeadline(
      deadlineMs,
      what,
      (signal) =>
        new Promise<T>((resolve) => {
          const check = () => {
            const value = test(this.#replica);
            if (value === undefined) return;
            this.#waiters.delete(check);
            resolve(value);
          };
          this.#waiters.add(check);
          signal.addEventListener('abort', () => this.#waiters.delete(check), { once: true });
          check();
        }),
    );
  }
}
