// Moves a live device between rows: into ours when it is adopted, under Proxmox's name when it is given back.

import { AgentError } from '../../lib/errors.ts';
import type { DesiredPort } from '../../plan/desired.ts';
import { isOurs, type ObservedPort } from '../../plan/observed.ts';
import { externalIdsOf } from '../../plan/owner.ts';
import type { PortOutcome } from '../driver.ts';
import { moveInterface } from './move-interface.ts';
import { observePorts } from './observe.ts';
import { type OvsdbDriverParts, rowNamed, withRetry } from './parts.ts';
import { markPort } from './port-rows.ts';
import { transactAndSettle, usableOrGone, usablePort } from './usable.ts';

/**
 * Moves the device of `from` into the row of that name, wherever it is by then. `taken` when somebody has taken the row
 * out before ovs-vswitchd had opened it.
 */
export async function moveToRow(
  { ovsdb, bootId }: OvsdbDriverParts,
  desired: DesiredPort,
  from: ObservedPort,
  row: string,
): Promise<PortOutcome | 'taken'> {
  const ids = externalIdsOf(desired, bootId);
  const attempts = await withRetry(async () => {
    const holder = observePorts(ovsdb.replica).find((port) => port.interface === from.interface);
    if (holder === undefined) throw new AgentError('link-missing', `${from.interface} has left the switch`);
    const operations =
      holder.row === row
        ? markPort(holder, ids)
        : moveInterface(ovsdb.replica, { row, from: holder, portIds: ids, interfaceIds: ids });
    await transactAndSettle(ovsdb, operations);
  });
  const ofport = await usableOrGone(ovsdb, row, desired.interface);
  return ofport === 'gone' ? 'taken' : { driver: 'ovsdb', ofport, attempts };
}

/** As `SwitchDriver.adopt`. */
export async function adoptPort(
  parts: OvsdbDriverParts,
  desired: DesiredPort,
  from: ObservedPort,
): Promise<PortOutcome> {
  const { ovsdb } = parts;
  const { interface: link } = desired;
  const moved = await moveToRow(parts, desired, from, desired.port);
  if (moved !== 'taken') return moved;
  // Proxmox was about to change the NIC, and it was given back in the same moment.
  const row = rowNamed(ovsdb, link);
  if (row !== undefined && isOurs(row.externalIds)) {
    return { driver: 'ovsdb', ofport: await usablePort(ovsdb, row.row, link), attempts: 1 };
  }
  throw new AgentError('link-missing', `${link} has left the switch`);
}
