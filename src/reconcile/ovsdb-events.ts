// What a change in OVSDB means for guests: a NIC that somebody plugged, a port of ours that went or broke; pure.

import { parseGuestInterface } from '../core/guest/interface-name.ts';
import { isVmid, NIC_INDEX_MAX, portName } from '../core/guest/vmid.ts';
import type { RowChange } from '../core/ovsdb/replica.ts';
import { isOurs, OWNER_KEYS } from '../core/plan/observed.ts';

export type OvsdbEvent =
  /** A device with the name of a guest's NIC is in a port that is not ours, or not any more. */
  | { kind: 'plugged'; vmid: number; text: string }
  /** A port of ours is gone, or ovs-vswitchd cannot use its device any more. */
  | { kind: 'lost'; port: string; vmid: number; text: string }
  /** A port with our marks is there that was not: one that nobody asks for is a leftover. */
  | { kind: 'appeared'; port: string; vmid: number; text: string }
  /** A bridge is there that was not: ports may wait for it. */
  | { kind: 'bridge'; bridge: string; text: string };

type Marks = Readonly<Record<string, string>>;

export function ovsdbEventsOf(changes: readonly RowChange[]): OvsdbEvent[] {
  return changes.flatMap((change) => ovsdbEventOfRow(change) ?? []);
}

function ovsdbEventOfRow({ table, before, after }: RowChange): OvsdbEvent | undefined {
  if (table === 'Bridge' && before === undefined && after !== undefined && 'name' in after) {
    return { kind: 'bridge', bridge: after.name, text: `the bridge ${after.name} is there` };
  }
  if (table !== 'Port' && table !== 'Interface') return undefined;
  const row = after ?? before;
  if (row === undefined || !('name' in row) || !('external_ids' in row)) return undefined;
  const former: Marks = before !== undefined && 'external_ids' in before ? before.external_ids : {};
  if (after === undefined)
    return isOurs(former) ? about('lost', former, `${row.name} left the switch`) : undefined;
  if (isOurs(row.external_ids)) {
    if (isDeviceGone(before, after))
      return about('lost', row.external_ids, `${row.name} has no device any more`);
    const error = table === 'Interface' && 'error' in row ? row.error : undefined;
    const isNew = before === undefined || !('error' in before) || before.error !== error;
    if (error !== undefined && isNew) return about('lost', row.external_ids, `${row.name}: ${error}`);
    const isNewPort = table === 'Port' && before === undefined;
    return isNewPort ? about('appeared', row.external_ids, `${row.name} appeared`) : undefined;
  }
  if (before !== undefined && !isOurs(former)) return undefined;
  if (isOurs(former)) return about('lost', former, `${row.name} lost our marks`);
  const guest = table === 'Interface' ? parseGuestInterface(row.name) : undefined;
  return guest && { kind: 'plugged', vmid: guest.vmid, text: `${row.name} was plugged` };
}

/** On the netdev datapath `error` stays empty and `ofport` as it was when a device vanishes (seen with 3.5). */
function isDeviceGone(before: RowChange['before'], after: RowChange['after']): boolean {
  const indexOf = (row: RowChange['before']) =>
    row !== undefined && 'ifindex' in row ? (row.ifindex ?? 0) : 0;
  return indexOf(before) > 0 && indexOf(after) === 0;
}

/** Whose port it was, by its marks; foreign hands can have written them. */
function about(kind: 'lost' | 'appeared', marks: Marks, text: string): OvsdbEvent | undefined {
  const vmid = Number(marks[OWNER_KEYS.vmid]);
  const nic = Number(marks[OWNER_KEYS.nic] ?? 0);
  if (!isVmid(vmid) || !Number.isInteger(nic) || nic < 0 || nic > NIC_INDEX_MAX) return undefined;
  return { kind, port: portName(vmid, nic), vmid, text };
}

/** Bridges on which a spanning tree was turned on or off: there the names of ports change. */
export function treesTurned(changes: readonly RowChange[]): string[] {
  const treeOf = (row: RowChange['after']) =>
    row !== undefined && 'stp_enable' in row && (row.stp_enable === true || row.rstp_enable === true);
  return changes.flatMap(({ table, before, after }) => {
    if (table !== 'Bridge' || before === undefined || after === undefined) return [];
    return treeOf(before) !== treeOf(after) && 'name' in after ? [after.name] : [];
  });
}
