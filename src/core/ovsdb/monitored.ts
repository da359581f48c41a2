// A connection to ovsdb-server that keeps a replica: everything at first, then each change.

import { isAgentError } from '../lib/errors.ts';
import { connectOvsdb, garbled, type OvsdbConnection } from './connection.ts';
import type { Replica } from './replica.ts';
import { MONITORED, type TableName } from './rows.ts';

export const DATABASE = 'Open_vSwitch';

/** Tables that decide what is on the switch. */
const TABLES = ['Open_vSwitch', 'Bridge', 'Port', 'Interface'] as const;

const isAllOdd = (replica: Replica, table: TableName) =>
  replica.rows(table).size === 0 && replica.problems().some((problem) => problem.table === table);

/**
 * Resolves once the replica is full. Throws `ovsdb-unreachable` or `ovsdb-garbled`.
 *
 * @param apply called with each update, the first of which has everything; the replica has been cleared before that
 */
export async function connectMonitored(
  path: string,
  replica: Replica,
  apply: (update: unknown) => void,
): Promise<OvsdbConnection> {
  const connection = await connectOvsdb(path);
  // An update can come in one piece with the reply that it belongs after.
  let early: unknown[] | undefined = [];
  connection.onNotification((method, params) => {
    if (method !== 'update' || params[0] !== 'replica') return;
    if (early) early.push(params[1]);
    else apply(params[1]);
  });
  const columns = Object.fromEntries(
    Object.entries(MONITORED).map(([table, names]) => [table, { columns: names }]),
  );
  try {
    const initial = await connection.request('monitor', [DATABASE, 'replica', columns]);
    replica.clear();
    apply(initial);
    // Odd rows among others are left out; where there is no other, nothing that is concluded from the rest would hold.
    if (TABLES.some((table) => isAllOdd(replica, table))) throw garbled();
    for (const update of early) apply(update);
    early = undefined;
    return connection;
  } catch (error) {
    connection.close();
    throw isAgentError(error) ? error : garbled();
  }
}
