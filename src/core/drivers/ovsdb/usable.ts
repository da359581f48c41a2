// Waiting until ovs-vswitchd has done what a row asks for.

import { z } from 'zod';
import { AgentError } from '../../lib/errors.ts';
import type { Operation, OvsdbClient } from '../../ovsdb/client.ts';
import { garbled } from '../../ovsdb/connection.ts';
import type { Replica } from '../../ovsdb/replica.ts';

/** With a thousand ports ovs-vswitchd takes one to two seconds (measured, netdev datapath); a hook waits ten. */
const USABLE_MS = 7_000;

const numberedSchema = z.object({ rows: z.tuple([z.object({ next_cfg: z.number() })]) });

/**
 * Runs the operations and waits until ovs-vswitchd has taken them in, as `ovs-vsctl` does (`next_cfg`, `cur_cfg` in
 * ovs-vswitchd.conf.db(5)): an Interface that moves keeps the old port number in its row until then.
 * Throws as `transact`, or `deadline-exceeded`.
 */
export async function transactAndSettle(ovsdb: OvsdbClient, operations: readonly Operation[]): Promise<void> {
  const reply = await ovsdb.transact([
    ...operations,
    { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
    { op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
  ]);
  const numbered = numberedSchema.safeParse(reply.at(-1));
  if (!numbered.success) throw garbled();
  const { next_cfg: number } = numbered.data.rows[0];
  await ovsdb.until('waiting for ovs-vswitchd', USABLE_MS, (replica) =>
    [...replica.rows('Open_vSwitch').values()].some(({ cur_cfg: done = 0 }) => done >= number)
      ? true
      : undefined,
  );
}

/**
 * Resolves with the OpenFlow port number once ovs-vswitchd has opened the device.
 * Throws `port-not-usable` with what ovs-vswitchd says, or `deadline-exceeded`.
 */
export async function usablePort(ovsdb: OvsdbClient, row: string, link: string): Promise<number> {
  const found = await ovsdb.until(`waiting for ${row} in OVSDB`, USABLE_MS, (replica) =>
    opened(replica, row, link),
  );
  return numberOf(found, link);
}

/**
 * The same for a row that is there, for which no time is lost when somebody takes it out: `gone` then. OVSDB tells its
 * changes before it answers the transaction that made them, so a row that was just made and is not seen has been taken.
 */
export async function usableOrGone(ovsdb: OvsdbClient, row: string, link: string): Promise<number | 'gone'> {
  const found = await ovsdb.until(`waiting for ${row} in OVSDB`, USABLE_MS, (replica) =>
    isIn(replica, row, link) ? opened(replica, row, link) : 'gone',
  );
  return found === 'gone' ? found : numberOf(found, link);
}

type Opened = { ofport: number } | { error: string };

function opened(replica: Replica, row: string, link: string): Opened | undefined {
  const device = replica.named('Interface', link);
  if (device === undefined || !isIn(replica, row, link)) return undefined;
  if (device.error !== undefined) return { error: device.error };
  return device.ofport !== undefined && device.ofport !== 0 ? { ofport: device.ofport } : undefined;
}

function isIn(replica: Replica, row: string, link: string): boolean {
  const device = replica.named('Interface', link);
  return device !== undefined && replica.named('Port', row)?.interfaces.includes(device.uuid) === true;
}

function numberOf(found: Opened, link: string): number {
  if ('ofport' in found && found.ofport > 0) return found.ofport;
  const reported = 'error' in found ? found.error : String(found.ofport);
  throw new AgentError('port-not-usable', `ovs-vswitchd cannot use ${link}: ${reported}`);
}
