// NICs of running containers that Proxmox takes off their bridge for a moment, to plug them anew.
//
// For a change of bridge, tag, firewall or link_down Proxmox removes the port, writes the NIC without bridge, and plugs it
// (pve-container LXC.pm, update_net). A port under our name it did not find: it is removed here instead, when that is
// written, and every moment until Proxmox plugs will do. Handed back under Proxmox's name it would be in the way.

import type { DesiredPort } from '../../core/plan/desired.ts';
import type { HolderOf } from './nic.ts';

/** Proxmox has plugged by then, or has given up: two or three commands, each some 10 ms, or 1 s under heavy load. */
const REPLUG_MS = 3_000;

export type Verdict =
  /** Proxmox has its turn, for so long at most. */
  | { kind: 'wait'; ms: number }
  /** Proxmox has failed after the port was taken off: it goes back to where it was. */
  | { kind: 'restore'; port: DesiredPort }
  | { kind: 'usual' };

export interface NicsTakenOff {
  /**
   * @param port what the NIC should have, under Proxmox's name
   * @param former what it had until now
   * @param age milliseconds since its configuration was written
   */
  judge(port: DesiredPort, former: DesiredPort | undefined, age: number): Verdict;
  /** The change is over. */
  forget(port: string): void;
}

export function nicsTakenOff(holderOf: HolderOf): NicsTakenOff {
  const off = new Map<string, DesiredPort>();
  return {
    judge(port, former, age) {
      const holder = holderOf(port.interface);
      if (holder === undefined) {
        const had = off.get(port.port);
        if (had === undefined) return { kind: 'usual' };
        if (age < REPLUG_MS) return { kind: 'wait', ms: REPLUG_MS - age };
        // Once: what removes it from now on is Proxmox, which finds it by that name.
        off.delete(port.port);
        return { kind: 'restore', port: { ...had, row: had.interface } };
      }
      const isUnderOurName = holder.row === port.port;
      if (!isUnderOurName || former === undefined || age >= REPLUG_MS) return { kind: 'usual' };
      off.set(port.port, former);
      return { kind: 'wait', ms: REPLUG_MS - age };
    },
    forget: (port) => void off.delete(port),
  };
}
