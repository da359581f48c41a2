// Looks at Open vSwitch once: rows from ovsdb-server, a sign of life from ovs-vswitchd.

import { join } from 'node:path';
import { z } from 'zod';
import { observeBridges, observePorts } from '../../core/drivers/ovsdb/observe.ts';
import { type Answer, attempt } from '../../core/lib/answer.ts';
import { askVswitchd } from '../../core/ovsdb/ask-vswitchd.ts';
import { connectOvsdb } from '../../core/ovsdb/connection.ts';
import { emptyReplica, type Replica } from '../../core/ovsdb/replica.ts';
import { MONITORED } from '../../core/ovsdb/rows.ts';
import type { SwitchSnapshot } from '../../diagnose/doctor/facts.ts';

const DATABASE = 'Open_vSwitch';
const DEADLINE_MS = 4000;

const configSchema = z.tuple([
  z.object({ rows: z.array(z.object({ cur_cfg: z.number(), next_cfg: z.number() })) }),
]);

/** `directory`: `/run/openvswitch`. */
export function readSwitch(directory: string): Promise<Answer<SwitchSnapshot>> {
  return attempt('OVSDB', DEADLINE_MS, async () => {
    const connection = await connectOvsdb(join(directory, 'db.sock'), DEADLINE_MS);
    try {
      const tables = Object.entries(MONITORED).map(([table, columns]) => [table, { columns }]);
      const replica = emptyReplica();
      replica.apply(await connection.request('monitor', [DATABASE, 'look', Object.fromEntries(tables)]));
      // Not among the monitored columns: every ovs-vsctl changes them.
      const select = { op: 'select', table: DATABASE, where: [], columns: ['cur_cfg', 'next_cfg'] };
      const [{ rows }] = configSchema.parse(await connection.request('transact', [DATABASE, select]));
      return { ...factsOf(replica), ...(rows[0] && { curCfg: rows[0].cur_cfg, nextCfg: rows[0].next_cfg }) };
    } finally {
      connection.close();
    }
  });
}

/** Whether ovs-vswitchd is there, and its version. */
export function findVswitchd(directory: string): Promise<Answer<string>> {
  return attempt('ovs-vswitchd does not answer', DEADLINE_MS, () => askVswitchd(directory, DEADLINE_MS));
}

function factsOf(replica: Replica): SwitchSnapshot {
  const [server] = replica.rows('Open_vSwitch').values();
  return {
    ...(server?.ovs_version !== undefined && { version: server.ovs_version }),
    datapathTypes: server?.datapath_types ?? [],
    bridges: [...observeBridges(replica).values()],
    ports: observePorts(replica),
  };
}
