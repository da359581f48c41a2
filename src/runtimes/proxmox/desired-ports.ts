// The ports that the NICs of one Proxmox guest should have by its configuration, whether Proxmox has plugged them or not.

import type { Guest } from '../../core/guest/guest.ts';
import { isGuestDevice } from '../../core/guest/interface-name.ts';
import { isNicProblem, type Nic } from '../../core/guest/nic.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Resolution } from '../source.ts';
import type { ProxmoxGuest } from './config/tree.ts';
import { damageOf, identityOf, keyOf } from './identity.ts';
import { desiredPort, isCutOff, isLeftUnplugged, obstacleTo } from './nic.ts';
import type { ProxmoxParts } from './parts.ts';
import { nicsTakenOff } from './taken-off.ts';

/** Adopted at once, the NIC would have to be handed back at once for the next change. */
const REST_MS = 3_000;

/** `off` are the NICs that are to be on no bridge now, `restored` those that Proxmox has failed to plug. */
export type NicsResolution = Resolution & { off: ReadonlySet<number>; restored: ReadonlySet<number> };

/** What the NICs of one guest add up to, NIC by NIC. */
class NicPorts {
  readonly ports: DesiredPort[] = [];
  readonly skipped: string[] = [];
  readonly off = new Set<number>();
  readonly restored = new Set<number>();
  /** Milliseconds until the next look. */
  requeueAfterMs: number | undefined;

  constructor(
    readonly guest: ProxmoxGuest,
    readonly identity: Guest,
    /** Milliseconds for which Proxmox may still change the NICs. */
    readonly aside: number,
  ) {
    if (aside > 0 && Number.isFinite(aside)) this.requeueAfter(aside);
  }

  get isContainer(): boolean {
    return this.guest.runtime === 'proxmox-lxc';
  }

  requeueAfter(ms: number): void {
    this.requeueAfterMs = Math.min(this.requeueAfterMs ?? ms, ms);
  }

  skip(index: number, reason: string): void {
    this.skipped.push(`net${index}: ${reason}`);
  }
}

export class DesiredPorts {
  readonly #parts: ProxmoxParts;
  readonly #takenOff: ReturnType<typeof nicsTakenOff>;

  constructor(parts: ProxmoxParts) {
    this.#parts = parts;
    this.#takenOff = nicsTakenOff(parts.holderOf);
  }

  /** The ports for those NICs whose device exists, or has gone with its bridge; Proxmox makes it before post-start. */
  async of(guest: ProxmoxGuest, links: ReadonlySet<string>): Promise<NicsResolution> {
    const aside = guest.runtime === 'proxmox-lxc' ? this.#parts.asideFor(guest.vmid) : 0;
    const nics = new NicPorts(guest, identityOf(guest), aside);
    for (const [index, nic] of guest.config.nics) {
      if (isNicProblem(nic)) nics.skip(index, nic.problem);
      else await this.#addNic(nics, index, nic);
    }
    const { ports, skipped, off, restored, requeueAfterMs } = nics;
    return {
      guest: nics.identity,
      ports: ports.filter((port) => links.has(port.interface) || isCutOff(port, links)),
      skipped: [...skipped, ...damageOf(guest)],
      note: ports.length === 0 ? 'no network card on an OVS bridge' : 'no network card plugged',
      off,
      restored,
      ...(requeueAfterMs !== undefined && { requeueAfterMs }),
    };
  }

  async #addNic(nics: NicPorts, index: number, nic: Nic): Promise<void> {
    const { guest, identity, isContainer } = nics;
    const { holderOf, mode, isBlind, kernelBridgeOf } = this.#parts;
    const pending = guest.config.pendingNics.has(index);
    const configured = { index, nic, pending: pending || nics.aside > 0 };
    const port = desiredPort(identity, configured, isContainer && isBlind() ? 'keep' : mode, holderOf);
    const elsewhere = await kernelBridgeOf(port.interface);
    if (elsewhere !== undefined && isGuestDevice(port.interface)) {
      this.#takenOff.forget(port.port);
      nics.off.add(index);
      return nics.skip(index, `it is plugged into ${elsewhere}, which is not an OVS bridge`);
    }
    if (pending && nic.bridge === undefined && isContainer) {
      if (await this.#isTakenOff(nics, port)) return;
    } else this.#takenOff.forget(port.port);
    await this.#addPort(nics, port, nic);
  }

  /** For a NIC that Proxmox has taken off its bridge and not yet plugged again. */
  async #isTakenOff(nics: NicPorts, port: DesiredPort): Promise<boolean> {
    const { vmid } = nics.guest;
    const verdict = this.#takenOff.judge(
      port,
      this.#former(vmid, port),
      (await this.#parts.configAge(vmid)) ?? 0,
    );
    if (verdict.kind === 'wait') {
      nics.requeueAfter(verdict.ms);
      nics.off.add(port.nic);
      return true;
    }
    if (verdict.kind !== 'restore') return false;
    nics.ports.push(verdict.port);
    nics.restored.add(port.nic);
    return true;
  }

  async #addPort(nics: NicPorts, port: DesiredPort, nic: Nic): Promise<void> {
    const { runtime, vmid } = nics.guest;
    // Proxmox's own removal may have failed: it looks for its own name (see taken-off.ts).
    if (isLeftUnplugged(runtime, nic)) nics.off.add(port.nic);
    const reason = obstacleTo(runtime, { ...nic, bridge: port.bridge }, this.#parts.isOvsBridge);
    if (reason !== undefined) return nics.skip(port.nic, reason);
    const rest = await this.#restAfterChange(vmid, port);
    if (rest > 0) nics.requeueAfter(rest);
    // Never the NIC's own: a port with a smaller one lowers the bridge for everybody (PVE::Network::tap_plug).
    const mtu = await this.#parts.bridgeMtu(port.bridge);
    nics.ports.push({
      ...port,
      ...(rest > 0 && { row: port.interface }),
      ...(mtu !== undefined && { mtu }),
    });
  }

  /** Milliseconds for which a NIC that was changed just now stays as it is: one change seldom comes alone. */
  async #restAfterChange(vmid: number, port: DesiredPort): Promise<number> {
    const { holderOf, configAge } = this.#parts;
    const former = this.#former(vmid, port);
    const wasKept = former?.row !== undefined && holderOf(port.interface)?.row === port.interface;
    if (port.row !== undefined || !wasKept) return 0;
    return Math.max(0, REST_MS - ((await configAge(vmid)) ?? REST_MS));
  }

  #former(vmid: number, { nic }: DesiredPort): DesiredPort | undefined {
    return this.#parts.desiredGuest(keyOf(vmid))?.ports.find((had) => had.nic === nic);
  }
}
