// Brings one guest to what it should have: remembers it, converges its ports, and publishes its addresses.

import type { PortReport } from '../core/events/event-result.ts';
import { parsePortName } from '../core/guest/vmid.ts';
import type { VethRequest } from '../core/kernel/veth-request.ts';
import type { Resolution } from '../runtimes/source.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { Convergence } from './converge.ts';
import type { EventOrder } from './event-order.ts';

export interface ApplyParts {
  desiredState: DesiredState;
  converge: Convergence['converge'];
  order: EventOrder;
  /**
   * Brings the host to what the guests publish now; what goes wrong is among the pending retries and in the ledger. `attached`:
   * settles once the guest that it is for has its ports.
   */
  publish: (cause: () => Promise<number>, attached?: Promise<unknown>) => Promise<void>;
  /** Resolves once the host is a gateway at all; does not throw. */
  prepare: (cause: () => Promise<number>) => Promise<void>;
  /** Gives a container that still runs the default route that it had before; does not throw. */
  release: (veth: VethRequest) => Promise<void>;
}

export interface Apply {
  /** `cause` gives the height of the block that led here. Throws what the ledger throws. */
  apply(key: string, resolution: Resolution, cause: () => Promise<number>): Promise<PortReport[]>;
  /** Ports that this guest may lose: those it had, and any under its VMID, but none that another guest has now. */
  scopeOf(key: string, had: readonly { port: string }[], vmid: number | undefined): (port: string) => boolean;
  /** Whether an event is bringing the port up or down at this moment: a reconcile leaves it to it. */
  isInWork(port: string): boolean;
}

export function openApply({ desiredState, converge, order, publish, prepare, release }: ApplyParts): Apply {
  const inWork = new Set<(port: string) => boolean>();

  const scopeOf: Apply['scopeOf'] = (key, had, vmid) => {
    const names = new Set(had.map((entry) => entry.port));
    // Asked of every port there is: most are told by their first letters.
    const prefix = `vi${vmid}`;
    const isUnderVmid = (port: string) => port.startsWith(prefix) && parsePortName(port)?.vmid === vmid;
    const isItsOwn = (port: string) => names.has(port) || (vmid !== undefined && isUnderVmid(port));
    return (port: string) => isItsOwn(port) && (desiredState.ofPort(port)?.key ?? key) === key;
  };

  const apply: Apply['apply'] = async (key, resolution, cause) => {
    const former = desiredState.get(key);
    const { guest, ports } = resolution;
    order.happened(key);
    if (ports === undefined || (guest === undefined && former === undefined)) return [];
    const owner = guest ?? former?.guest;
    if (owner === undefined) return [];
    await desiredState.set({ key, guest: owner, ports });
    const inScope = scopeOf(key, former?.ports ?? [], guest?.vmid ?? former?.guest.vmid);
    inWork.add(inScope);
    try {
      // A guest without public addresses has nothing to wait for, however long the host takes over those of others.
      const isPublic = [...(former?.ports ?? []), ...ports].some(
        ({ portSecurity }) => portSecurity !== undefined,
      );
      // A container that goes on without its port goes out by the network that it had before.
      const lost = (former?.ports ?? []).filter(({ port }) => !ports.some((entry) => entry.port === port));
      for (const { veth } of lost) if (veth) await release(veth);
      if (ports.some(({ published = [] }) => published.length > 0)) await prepare(cause);
      const converging = converge({ key, desired: ports, inScope, cause });
      const [reports, published] = await Promise.allSettled([
        converging,
        isPublic ? publish(cause, converging) : undefined,
      ]);
      if (reports.status === 'rejected') throw reports.reason;
      if (published.status === 'rejected') throw published.reason;
      return reports.value;
    } finally {
      inWork.delete(inScope);
    }
  };

  return { apply, scopeOf, isInWork: (port) => [...inWork].some((inScope) => inScope(port)) };
}
