// Notices guests that are new on this Proxmox node and have systemd give them the hookscript: the agent itself may not
// write below /etc/pve, and runs none of Proxmox's commands.

import { rm } from 'node:fs/promises';
import type { Bus } from '../../core/bus/bus.ts';
import { startUnit } from '../../core/bus/systemd.ts';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';
import { type ReadyTree, readProxmoxTree } from './config/tree.ts';
import { formatKnownGuests, newGuests, readKnownGuests, stillKnown } from './hookscript/known-guests.ts';
import { openRecords } from './hookscript/records.ts';

/** Runs `ovs-port-agent proxmox enroll --new`. */
export const ENROLL_UNIT = 'ovs-port-agent-enroll.service';

/** Milliseconds between two tries for the same guests, doubled each time; the next look after them tries. */
const FIRST_RETRY_MS = 30_000;
const LAST_RETRY_MS = 30 * 60_000;

export interface AutoEnrolmentParts {
  bus: Pick<Bus, 'call'>;
  /** `/etc/pve`. */
  root: string;
  /** `known-guests.json`. */
  statePath: string;
  onProblem?: (problem: string) => void;
  /** `auto_enroll`. */
  enabled: boolean;
  /** Milliseconds; read anew each time. */
  debounceMs: () => number;
  /** Between two looks that nothing asked for: guests that come from another node are not announced. */
  intervalMs: () => number;
  onError: (error: unknown) => void;
  /** Milliseconds of a clock that nobody sets. */
  now?: () => number;
}

export interface AutoEnrolment {
  /** The guests may have changed. */
  soon(): void;
  close(): void;
}

/** Looks soon after each call of `soon`, several calls one look, and at every interval. */
export function autoEnrolment(parts: AutoEnrolmentParts): AutoEnrolment {
  const { enabled, debounceMs, intervalMs, onError } = parts;
  const check = enrolmentCheck(parts);
  let turn: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const run = () => {
    timer = undefined;
    turn = turn.then(check).catch(onError);
  };
  const soon = () => {
    timer ??= setTimeout(run, debounceMs());
  };
  let interval: NodeJS.Timeout | undefined;
  const rest = () => {
    interval = setTimeout(() => {
      soon();
      rest();
    }, intervalMs());
  };
  if (enabled) rest();
  return {
    soon,
    close() {
      clearTimeout(timer);
      clearTimeout(interval);
    },
  };
}

/**
 * One look at the guests, after which the unit was asked for if some are new. New is a guest that came after auto_enroll
 * was switched on, and that nobody unenrolled since. Switched off, the list of those that were there is forgotten, so
 * that the next time begins with those that are there then.
 */
export function enrolmentCheck(parts: Omit<AutoEnrolmentParts, 'debounceMs' | 'intervalMs' | 'onError'>) {
  const { root, statePath, enabled, now = () => performance.now() } = parts;
  const records = openRecords(root);
  let asked = { guests: '', waitMs: 0, notBefore: 0 };

  const ask = async ({ guests }: ReadyTree, candidates: readonly number[]): Promise<void> => {
    // Being made, restored or moved: its file is written again when that is over.
    const free = candidates.filter((vmid) => guests.get(vmid)?.config.lock === undefined);
    const same = free.join() === asked.guests;
    if (free.length === 0 || (same && now() < asked.notBefore)) return;
    const waitMs = same ? Math.min(asked.waitMs * 2, LAST_RETRY_MS) : FIRST_RETRY_MS;
    asked = { guests: free.join(), waitMs, notBefore: now() + waitMs };
    await startUnit(parts.bus, ENROLL_UNIT);
  };

  return async (): Promise<void> => {
    if (!enabled) return rm(statePath, { force: true });
    const tree = await readProxmoxTree({ root });
    if (tree.state !== 'ready') return;
    const cluster = clusterVmids(tree);
    if (cluster === undefined) return;
    const before = await readKnownGuests(statePath, parts.onProblem);
    const known =
      before === undefined ? new Set([...cluster, ...tree.guests.keys()]) : stillKnown(tree, cluster, before);
    if (before === undefined || formatKnownGuests(before) !== formatKnownGuests(known)) {
      await writeFileAtomically(statePath, formatKnownGuests(known), 0o600);
    }
    await ask(tree, await newGuests({ tree, records }, known));
  };
}

/** Every VMID of the cluster; undefined while its list cannot be read, or lacks a guest that is here. */
function clusterVmids({ guests, vmlist }: ReadyTree): number[] | undefined {
  if (!vmlist.ok || [...guests.keys()].some((vmid) => !vmlist.guests.has(vmid))) return undefined;
  return [...vmlist.guests.keys()];
}
