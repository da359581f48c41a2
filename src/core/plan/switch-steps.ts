// What brings a link into the right port of the switch, if it is not there already; pure.

import type { DesiredPort } from './desired.ts';
import { type DriverName, driverTraits, ROWS_DRIVER } from './driver-names.ts';
import { isOurs, type ObservedPort, OWNER_KEYS } from './observed.ts';

import type { Step } from './steps.ts';

/** Whether the rows of a port are those that the driver made for it, by what is on them. */
export type IsHeld = (driver: DriverName, desired: DesiredPort, holder: ObservedPort) => boolean;

/**
 * @param holder the port that has the link now
 * @param driver who makes ports on the desired bridge
 */
export function switchSteps(
  desired: DesiredPort,
  holder: ObservedPort | undefined,
  driver: DriverName,
  isHeld: IsHeld,
): Step[] {
  // A row that keeps Proxmox's name is kept by no program: it is ours to mark, in OVSDB.
  if (desired.row !== undefined) return keptSteps(desired, desired.row, holder);
  const attach: Step = { kind: 'attach_port', desired, driver };
  if (holder === undefined || holder.bridge !== desired.bridge) return [attach];
  if (driver === holder.driver && driverTraits(driver).keepsRows) {
    const isRight = holder.row === desired.port && isUsable(holder) && isHeld(driver, desired, holder);
    return isRight ? [] : [attach];
  }
  if (holder.row !== desired.port) return [{ kind: 'adopt_port', desired, from: holder, driver }];
  if (!isUsable(holder)) return [attach];
  return isMarkedFor(holder, desired) ? [] : [{ kind: 'mark_port', desired, row: holder }];
}

function keptSteps(desired: DesiredPort, row: string, holder: ObservedPort | undefined): Step[] {
  if (holder === undefined || holder.bridge !== desired.bridge) {
    return [{ kind: 'attach_port', desired, driver: ROWS_DRIVER }];
  }
  if (holder.row !== row) return [{ kind: 'hand_back_port', desired, from: holder }];
  return isMarkedFor(holder, desired) ? [] : [{ kind: 'mark_port', desired, row: holder }];
}

/** In OVSDB and opened by ovs-vswitchd. */
function isUsable({ error, ofport }: ObservedPort): boolean {
  return error === undefined && ofport !== undefined && ofport > 0;
}

/** Marks vanish when somebody clears external_ids, as ifupdown2 does with ports that its file declares. */
function isMarkedFor({ externalIds }: ObservedPort, desired: DesiredPort): boolean {
  return (
    isOurs(externalIds) &&
    externalIds[OWNER_KEYS.vmid] === String(desired.guest.vmid) &&
    externalIds[OWNER_KEYS.nic] === String(desired.nic) &&
    externalIds[OWNER_KEYS.port] === (desired.row === undefined ? undefined : desired.port)
  );
}
