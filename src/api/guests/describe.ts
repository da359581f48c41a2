// Every guest that runs or should have a port, a row for each NIC: what it has, or why it has nothing; pure.

import { portName } from '../../core/guest/vmid.ts';
import type { ErrorCode } from '../../core/lib/errors.ts';
import type { ObservedPort } from '../../core/plan/observed.ts';
import type { Overlooked } from '../../reconcile/overlooked.ts';
import type { Binding, DesiredGuest } from '../../state/desired-state.ts';
import type { PendingRetry } from '../../state/pending-retries.ts';

/** What OVSDB and the kernel say of one device now. Bytes as the switch counts them: `rx` came from the guest. */
export interface NicNumbers {
  mac?: string;
  mtu?: number;
  rx?: number;
  tx?: number;
}

/** `unknown`: it had its port, and the switch cannot be read now. */
export type GuestState = 'attached' | 'unknown' | 'waiting' | 'held' | 'skipped' | 'unattached';

export interface GuestRow extends NicNumbers {
  port: string | null;
  /** Name of the row in OVSDB. */
  row?: string;
  guest: string;
  vmid: number | null;
  nic: number | null;
  runtime: string;
  /** Docker's id. */
  id?: string;
  bridge: string | null;
  interface?: string;
  driver?: string;
  since?: string;
  address?: string;
  addresses?: readonly string[];
  state: GuestState;
  /** Why it has no port, or what is wrong with it. */
  reason: string | null;
  code?: string;
  vlan?: string;
  ofport?: number;
  /** `ok`, or what is wrong; null without a port. */
  health: string | null;
}

export interface ObservedGuests {
  desiredGuests: readonly DesiredGuest[];
  bindings: readonly Binding[];
  pendingRetries: readonly PendingRetry[];
  overlooked: readonly Overlooked[];
  /** By name of the port. */
  rows: ReadonlyMap<string, ObservedPort>;
  /** By device. */
  numbers: ReadonlyMap<string, NicNumbers>;
  /** What is wrong with a port that is bound; undefined: nothing. The one judgement of the host. */
  healthOf: (port: string) => string | undefined;
}

export function describeGuests(observed: ObservedGuests): GuestRow[] {
  const bound = new Map(observed.bindings.map((binding) => [binding.port, binding]));
  const pendingRetries = new Map(
    observed.pendingRetries.map((pendingRetry) => [pendingRetry.port, pendingRetry]),
  );
  const rows: GuestRow[] = observed.bindings.map((binding) => boundRow(binding, observed));
  for (const { guest, ports } of observed.desiredGuests) {
    for (const { port, nic, bridge, interface: link } of ports) {
      if (bound.has(port)) continue;
      const pendingRetry = pendingRetries.get(port);
      rows.push({
        port,
        guest: guest.name,
        vmid: guest.vmid,
        nic,
        runtime: guest.runtime,
        ...(guest.id !== undefined && { id: guest.id }),
        bridge,
        interface: link,
        state: pendingRetry?.code === 'card-vanishing' ? 'held' : 'waiting',
        reason: pendingRetry?.reason ?? 'its turn has not come yet',
        ...(pendingRetry && { code: pendingRetry.code }),
        health: null,
      });
    }
  }
  const named = new Set(rows.flatMap(({ port }) => port ?? []));
  for (const guest of observed.overlooked) {
    const { key, name, vmid, runtime } = guest;
    const id = /^docker:([0-9a-f]{64})$/.exec(key)?.[1];
    const waits = name !== undefined && pendingRetries.has(`container ${name}`);
    for (const reason of guest.reasons) {
      const nic = nicOf(reason);
      const port = vmid === undefined ? null : portName(vmid, nic ?? 0);
      // A NIC that has its port has nothing to explain.
      if (port !== null && named.has(port) && nic === undefined) continue;
      rows.push({
        port: nic === undefined && !guest.isSkipped ? null : port,
        guest: name ?? id?.slice(0, 12) ?? key,
        vmid: vmid ?? null,
        nic: nic ?? null,
        runtime,
        ...(id !== undefined && { id }),
        bridge: null,
        state: waits ? 'waiting' : guest.isSkipped ? 'skipped' : 'unattached',
        reason,
        health: null,
      });
    }
  }
  return rows;
}

const UNREAD_REASON = 'OVSDB does not answer, so nothing is known of the port';

function boundRow(binding: Binding, observed: ObservedGuests): GuestRow {
  const { port, row, guest, vmid, nic, runtime, bridge, driver, since, veth, id, interface: link } = binding;
  const problem = observed.healthOf(port);
  const isUnread = problem === ('ovsdb-unreachable' satisfies ErrorCode);
  // Rows from before the connection was lost say nothing of now.
  const found = isUnread ? undefined : observed.rows.get(port);
  const addresses = veth?.addresses ?? [];
  return {
    port,
    row: row ?? port,
    guest,
    vmid,
    nic,
    runtime,
    ...(id !== undefined && { id }),
    bridge,
    interface: link,
    driver,
    since,
    ...(addresses[0] !== undefined && { address: addresses[0], addresses }),
    state: isUnread ? 'unknown' : 'attached',
    reason: isUnread ? UNREAD_REASON : (problem ?? null),
    ...(found && { vlan: vlanText(found.vlan) }),
    ...(found?.ofport !== undefined && { ofport: found.ofport }),
    ...observed.numbers.get(link),
    health: problem ?? 'ok',
  };
}

/** `20`, `20 + 30,40`, empty without one. */
function vlanText({ tag, trunks }: ObservedPort['vlan']): string {
  return [...(tag === undefined ? [] : [String(tag)]), ...(trunks.length > 0 ? [trunks.join(',')] : [])].join(
    ' + ',
  );
}

function nicOf(reason: string): number | undefined {
  const digits = /^net(\d{1,3}):/.exec(reason)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
