// Makes, checks and removes the veth pairs of containers, and sets up their inner ends.

import { AgentError, isAgentError } from '../lib/errors.ts';
import type { Exec } from '../lib/exec.ts';
import { configureVeth } from './configure-veth.ts';
import { createVeth, type VethParts } from './create-veth.ts';
import type { GivenRecords } from './given.ts';
import { GuestNamespace, refuseHostNamespace } from './guest-namespace.ts';
import { releaseLines } from './guest-network.ts';
import { hostEndsOf, isGuestDevice } from './host-ends.ts';
import { hasInnerEnd, peerInside } from './inner-end.ts';
import { hostDevice, linkIndex } from './links.ts';
import { familiesOf } from './namespace-network.ts';
import type { Parking } from './parking.ts';
import type { VethPeer, VethRequest } from './veth-request.ts';

export interface Veths {
  /**
   * Makes the pair; the outer end is up. The inner end is in the container's namespace, or parked until `configure`,
   * out of reach of a container that may bring its NICs up itself. `mtu`: bytes, of both ends; the kernel's default without.
   */
  create(
    outer: string,
    request: VethRequest,
    parked?: { withoutOffload: boolean },
    mtu?: number,
  ): Promise<void>;
  /**
   * Brings the inner end up and sets its addresses, default routes and offload. May be repeated: then what was asked for
   * changes, and what the container has changed itself stays.
   */
  configure(outer: string, request: VethRequest, withoutOffload: boolean): Promise<void>;
  /** Gives the container's former network its default route back; what is gone already is fine. */
  release(request: VethRequest): Promise<void>;
  /** Turns transmit offload off at the other end of a veth that somebody else made; returns that end's name. */
  disableOffload(outer: string, peer: VethPeer): Promise<string>;
  /** The MAC of the other end of a veth that somebody else made. */
  peerMac(outer: string, peer: VethPeer): Promise<string | undefined>;
  /** Whether the outer end's peer is the named device in the container's namespace. */
  hasInnerEnd(outer: string, request: VethRequest): Promise<boolean>;
  /** See `host-ends.ts`. */
  hostEndsOf(pids: readonly number[]): Promise<Map<number, string[]>>;
  isGuestDevice(link: string): Promise<boolean>;
  /** Outer ends whose inner end waits in our own namespace: nobody else can have made them. */
  parked(): ReadonlySet<string>;
  remove(outer: string): Promise<void>;
}

export function openVeths(exec: Exec, parking: Pick<Parking, 'pid'>, given: GivenRecords): Veths {
  const parts: VethParts = { exec, parking, given, waiting: new Map() };
  return {
    create: (outer, request, parked, mtu) => createVeth(parts, outer, request, parked, mtu),
    configure: (outer, request, withoutOffload) => configureVeth(parts, outer, request, withoutOffload),
    release: (request) => releaseVeth(exec, request),
    hasInnerEnd: (outer, request) => hasInnerEnd(exec, outer, request),

    async disableOffload(outer, { pid }) {
      const guest = new GuestNamespace(exec, pid);
      const { ifname: inner } = await peerInside(guest, outer);
      await guest.turnOffloadOff(inner);
      return inner;
    },

    peerMac: async (outer, { pid }) => (await peerInside(new GuestNamespace(exec, pid), outer)).address,
    hostEndsOf: (pids) => hostEndsOf(exec, pids),
    isGuestDevice: (link) => isGuestDevice(exec, link),
    parked: () => new Set(parts.waiting.keys()),
    remove: (outer) => removeVeth(parts, outer),
  };
}

async function releaseVeth(exec: Exec, request: VethRequest): Promise<void> {
  await refuseHostNamespace(request.pid);
  const guest = new GuestNamespace(exec, request.pid);
  const families = familiesOf(request.addresses);
  // One that is being connected to a network at this moment may have other routes a moment later.
  for (let attempt = 1; ; attempt++) {
    const lines = await Promise.all(
      families.map(async (family) => releaseLines(request, await guest.network(family))),
    );
    try {
      return await guest.batch(families, lines);
    } catch (error) {
      if (attempt === 2 || !isAgentError(error, 'exec-failed')) throw error;
    }
  }
}

async function removeVeth({ exec, given, waiting }: VethParts, outer: string): Promise<void> {
  given.forget(outer);
  if ((await linkIndex(outer)) !== undefined) {
    const use = await hostDevice(outer);
    if (use !== undefined) throw new AgentError('name-taken', `${outer} ${use}`);
    try {
      await exec('ip', ['link', 'delete', 'dev', outer]);
    } catch (error) {
      if ((await linkIndex(outer)) !== undefined) throw error;
    }
  }
  waiting.delete(outer);
}
