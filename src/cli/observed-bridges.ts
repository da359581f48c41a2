// The bridges of this host, asked of Open vSwitch itself.

import { observeBridges } from '../core/drivers/ovsdb/observe.ts';
import { AgentError } from '../core/lib/errors.ts';
import { openOvsdb } from '../core/ovsdb/client.ts';
import type { ObservedBridge } from '../core/plan/observed.ts';

const DEADLINE_MS = 5000;

/** By name. Throws `ovsdb-unreachable` after 5 s. */
export async function observedBridges(socket: string): Promise<Map<string, ObservedBridge>> {
  const ovsdb = openOvsdb(socket);
  try {
    const there = (replica: typeof ovsdb.replica) => replica.rows('Open_vSwitch').size || undefined;
    await ovsdb.until('The database of Open vSwitch', DEADLINE_MS, there).catch((cause: unknown) => {
      throw new AgentError('ovsdb-unreachable', 'The database of Open vSwitch does not answer', { cause });
    });
    return observeBridges(ovsdb.replica);
  } finally {
    await ovsdb.close();
  }
}
