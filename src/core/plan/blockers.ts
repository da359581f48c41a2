// What can stand in the way of a port, and the words for it; pure.

import type { ErrorCode } from '../lib/errors.ts';
import type { DesiredPort } from './desired.ts';
import type { Choice } from './driver-choice.ts';
import type { Observed, ObservedBridge, ObservedPort } from './observed.ts';
import { isOurPort, keptBecause, type RecordOf } from './ownership.ts';

/** A port that cannot be made right now, and why; it is tried again later. */
export interface Blocker {
  port: string;
  bridge: string;
  code: ErrorCode;
  reason: string;
  /** When it can be made, milliseconds of the epoch, where that is known. */
  until?: number;
}

type BlockReason = Pick<Blocker, 'code' | 'reason'>;

export interface Surroundings {
  observed: Observed;
  takenBy: (desired: DesiredPort) => string | undefined;
  recordOf: RecordOf;
  creatableBridges: ReadonlySet<string>;
}

/** Types of Interface rows that hold a kernel device somebody else made: not internal ports, patches or tunnels. */
const ADOPTABLE: ReadonlySet<string> = new Set(['', 'system']);

/** Why the port cannot be made now, or undefined. */
export function blockerOf(
  desired: DesiredPort,
  { observed, takenBy, recordOf, creatableBridges }: Surroundings,
  bridge: ObservedBridge | undefined,
  present: boolean,
  choice: Choice,
): BlockReason | undefined {
  const owner = takenBy(desired);
  if (owner !== undefined) return { code: 'name-taken', reason: owner };
  if ('obstacle' in choice) return choice.obstacle;
  if (bridge === undefined && !creatableBridges.has(desired.bridge)) {
    return { code: 'bridge-missing', reason: `there is no OVS bridge ${desired.bridge}` };
  }
  if (!present && desired.veth === undefined) {
    return { code: 'link-missing', reason: `there is no network device ${desired.interface}` };
  }
  return foreignRow(desired, observed, recordOf);
}

function foreignRow(desired: DesiredPort, observed: Observed, recordOf: RecordOf): BlockReason | undefined {
  const { ports, bridges } = observed;
  const row = desired.row ?? desired.port;
  const namesake = ports.find((port) => port.row === row);
  if (namesake && namesake.interface !== desired.interface) {
    const why = keptBecause(namesake, observed, recordOf);
    const reason = `another port on ${namesake.bridge} has the name ${row}`;
    if (why !== undefined) return { code: 'name-taken', reason };
  }
  const holder = ports.find((port) => port.interface === desired.interface);
  if (bridges.has(desired.interface) || (holder && !isAdoptable(holder, desired))) {
    const reason = `${desired.interface} belongs to the switch itself, it is no guest's device`;
    return { code: 'name-taken', reason };
  }
  // Plugging it again is Proxmox's to do, and would not help.
  if (desired.row !== undefined && holder?.row === desired.row && holder.error !== undefined) {
    return {
      code: 'port-not-usable',
      reason: `ovs-vswitchd cannot use ${holder.interface}: ${holder.error}`,
    };
  }
  if (holder && holder.bridge !== desired.bridge && !isOurPort(holder, recordOf)) {
    return {
      code: 'name-taken',
      reason: `${desired.interface} is plugged into ${holder.bridge} by somebody else`,
    };
  }
  return undefined;
}

/**
 * Proxmox's firewall has an internal port of the switch for a NIC; it may be marked, never moved. A port of ours whose
 * type somebody changed is made anew.
 */
function isAdoptable(holder: ObservedPort, desired: DesiredPort): boolean {
  if (ADOPTABLE.has(holder.type)) return true;
  if (desired.row !== undefined) return holder.row === desired.row;
  return holder.row === desired.port && isOurPort(holder);
}
