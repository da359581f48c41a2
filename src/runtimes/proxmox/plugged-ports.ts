// Which ports a Proxmox guest should have now: those that Proxmox has plugged, and those that are still connected.

import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Resolution } from '../source.ts';
import { type ProxmoxGuest, readProxmoxGuest, readProxmoxNodeOf } from './config/tree.ts';
import { DesiredPorts } from './desired-ports.ts';
import { keyOf } from './identity.ts';
import type { ProxmoxParts } from './parts.ts';

export class PluggedPorts {
  readonly #parts: ProxmoxParts;
  readonly #desired: DesiredPorts;

  constructor(parts: ProxmoxParts) {
    this.#parts = parts;
    this.#desired = new DesiredPorts(parts);
  }

  /**
   * For everybody but post-start, which Proxmox sends only after it has plugged. Between making a device and plugging it
   * Proxmox needs its name free, at a start and in the middle of a change: plugging it then would make Proxmox fail.
   */
  async now(guest: ProxmoxGuest, links: ReadonlySet<string>, healKept = false): Promise<Resolution> {
    const { holderOf, isBridgeGone, isForThisLink } = this.#parts;
    const { ports = [], off, restored, ...rest } = await this.#desired.of(guest, links);
    const plugged = await Promise.all(
      ports.map(async (port) => {
        if (holderOf(port.interface) !== undefined || restored.has(port.nic)) return true;
        const isChanging = guest.config.pendingNics.has(port.nic) || this.#isAside(guest);
        if (!links.has(port.interface)) return !isChanging;
        const isKeptAndThere = port.row !== undefined && !healKept && !isBridgeGone(port.bridge);
        const isProxmoxsTurn = isChanging || isKeptAndThere;
        return !isProxmoxsTurn && isForThisLink(port);
      }),
    );
    const desiredPorts = ports.filter((_, index) => plugged[index]);
    return {
      ...rest,
      ports: [...desiredPorts, ...(await this.#stillHeld(guest.vmid, desiredPorts, links, off))],
    };
  }

  /** For post-start: Proxmox has read the configuration and plugged the NICs. */
  async started(guest: ProxmoxGuest, links: ReadonlySet<string>): Promise<Resolution> {
    const { ports = [], off, restored: _, ...rest } = await this.#desired.of(guest, links);
    return { ...rest, ports: [...ports, ...(await this.#stillHeld(guest.vmid, ports, links, off))] };
  }

  /** Without a configuration here: it is on the node that the guest comes from, or cannot be read. */
  async elsewhere(vmid: number, links: ReadonlySet<string>): Promise<Resolution | undefined> {
    const { root, desiredGuest: claimOf } = this.#parts;
    const isHere = [...links].some((link) => parseGuestInterface(link)?.vmid === vmid);
    const node = isHere ? await readProxmoxNodeOf(vmid, { root }) : undefined;
    const guest = node === undefined ? undefined : await readProxmoxGuest(vmid, { root, node });
    if (guest) return this.now(guest, links);
    const desiredGuest = claimOf(keyOf(vmid));
    if (!desiredGuest?.guest.runtime.startsWith('proxmox')) return undefined;
    const ports = desiredGuest.ports.filter((port) => links.has(port.interface));
    return { guest: desiredGuest.guest, ports, skipped: [], note: 'its configuration is not here' };
  }

  #isAside({ runtime, vmid }: ProxmoxGuest): boolean {
    return runtime === 'proxmox-lxc' && this.#parts.asideFor(vmid) > 0;
  }

  /**
   * A NIC that its configuration no longer names, or names wrongly, stays connected for as long as it is there. One that
   * Proxmox has put into a bridge of the kernel does not: its removal of the port may have failed (see taken-off.ts).
   */
  async #stillHeld(
    vmid: number,
    desiredPorts: readonly DesiredPort[],
    links: ReadonlySet<string>,
    off: ReadonlySet<number>,
  ): Promise<DesiredPort[]> {
    const { desiredGuest, holderOf, kernelBridgeOf } = this.#parts;
    const held = (desiredGuest(keyOf(vmid))?.ports ?? []).filter(
      (port) =>
        links.has(port.interface) &&
        holderOf(port.interface)?.row === port.port &&
        !off.has(port.nic) &&
        !desiredPorts.some((desiredPort) => desiredPort.nic === port.nic),
    );
    const bridges = await Promise.all(held.map((port) => kernelBridgeOf(port.interface)));
    return held.filter((_, index) => bridges[index] === undefined);
  }
}
