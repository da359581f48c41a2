// Proxmox guests: from /etc/pve and the devices that Proxmox made to the ports they should have.

import type { ProxmoxEvent } from '../../core/events/lifecycle-event.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { isGuestDevice, parseGuestInterface } from '../../core/guest/interface-name.ts';
import { isNicProblem } from '../../core/guest/nic.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Claim } from '../../state/desired-state.ts';
import type { Resolution, Source } from '../source.ts';
import {
  type ProxmoxGuest,
  proxmoxGuestProblem,
  readProxmoxGuest,
  readProxmoxNodeOf,
  readProxmoxTree,
} from './config/tree.ts';
import { desiredPort, type HolderOf, isCutOff, isLeftUnplugged, obstacleTo, type PortMode } from './nic.ts';
import { cardsTakenOff } from './taken-off.ts';

export interface ProxmoxParts {
  /** `/etc/pve`. */
  root: string;
  mode: PortMode;
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Whether the name is not that of something else: an OVS bridge has it, will have it, or has gone and is waited for. */
  isOvsBridge: (name: string) => boolean;
  /** Whether Open vSwitch has no bridge of that name: nobody can be about to plug a card into it. */
  isBridgeGone: (name: string) => boolean;
  holderOf: HolderOf;
  /** Whether the port was asked for when the very device that has the name now was there. */
  isForThisLink: (port: DesiredPort) => Promise<boolean>;
  /** Bytes; what Proxmox asks of a port is the MTU of its bridge. */
  bridgeMtu: (bridge: string) => Promise<number | undefined>;
  /** The bridge of the kernel that a device is plugged into. */
  kernelBridgeOf: (device: string) => Promise<string | undefined>;
  /** Milliseconds for which a container's cards are Proxmox's to change, `Infinity` while it does not say that it is done. */
  asideFor: (vmid: number) => number;
  /** The container starts: Proxmox has no change of its cards to make any more. */
  onStart: (vmid: number) => void;
  /** Whether nobody tells when Proxmox is about to change a running container. */
  isBlind: () => boolean;
  /** Milliseconds since the guest's configuration was written; undefined when it cannot be told. */
  configAge: (vmid: number) => Promise<number | undefined>;
  claim: (key: string) => Claim | undefined;
  claims: () => readonly Claim[];
}

export interface ProxmoxSource extends Source<ProxmoxEvent> {
  /** What the container of that number should have now; undefined when it is none of Proxmox's. */
  container(vmid: number): Promise<Resolution | undefined>;
  /** What the guest of that number should have now; undefined when this node has nothing to do with it. */
  look(vmid: number): Promise<Resolution | undefined>;
  /** Who holds the guest, such as `backup` or `migrate`; undefined when nobody does. */
  lockOf(vmid: number): Promise<string | undefined>;
}

/** Adopted at once, the card would have to be handed back at once for the next change. */
const REST_MS = 3_000;

const keyOf = (vmid: number) => `vmid:${vmid}`;

/** `off` are the cards that are to be on no bridge now, `restored` those that Proxmox has failed to plug. */
type CardsResolution = Resolution & { off: ReadonlySet<number>; restored: ReadonlySet<number> };

export function proxmoxSource(parts: ProxmoxParts): ProxmoxSource {
  const { root, mode, linkNames, isOvsBridge, holderOf } = parts;
  const takenOff = cardsTakenOff(holderOf);

  /** Milliseconds for which a card that was changed just now stays as it is: one change seldom comes alone. */
  const restAfterChange = async (vmid: number, port: DesiredPort): Promise<number> => {
    const former = parts.claim(keyOf(vmid))?.ports.find((had) => had.nic === port.nic);
    const wasKept = former?.row !== undefined && holderOf(port.interface)?.row === port.interface;
    if (port.row !== undefined || !wasKept) return 0;
    return Math.max(0, REST_MS - ((await parts.configAge(vmid)) ?? REST_MS));
  };

  /** The ports for those NICs whose device exists, or has gone with its bridge; Proxmox makes it before post-start. */
  const resolve = async (guest: ProxmoxGuest, links: ReadonlySet<string>): Promise<CardsResolution> => {
    const identity = identityOf(guest);
    const ports: DesiredPort[] = [];
    const skipped: string[] = [];
    const off = new Set<number>();
    const restored = new Set<number>();
    let again: number | undefined;
    const isContainer = guest.runtime === 'proxmox-lxc';
    const aside = isContainer ? parts.asideFor(guest.vmid) : 0;
    if (aside > 0 && Number.isFinite(aside)) again = aside;
    for (const [index, nic] of guest.config.nics) {
      if (isNicProblem(nic)) {
        skipped.push(`net${index}: ${nic.problem}`);
        continue;
      }
      const pending = guest.config.pendingNics.has(index);
      const card = { index, nic, pending: pending || aside > 0 };
      const port = desiredPort(identity, card, isContainer && parts.isBlind() ? 'keep' : mode, holderOf);
      const elsewhere = await parts.kernelBridgeOf(port.interface);
      if (elsewhere !== undefined && isGuestDevice(port.interface)) {
        takenOff.forget(port.port);
        off.add(index);
        skipped.push(`net${index}: it is plugged into ${elsewhere}, which is not an OVS bridge`);
        continue;
      }
      if (pending && nic.bridge === undefined && isContainer) {
        const former = parts.claim(keyOf(guest.vmid))?.ports.find((had) => had.nic === index);
        const verdict = takenOff.judge(port, former, (await parts.configAge(guest.vmid)) ?? 0);
        if (verdict.kind === 'wait') {
          again = Math.min(again ?? verdict.ms, verdict.ms);
          off.add(index);
          continue;
        }
        if (verdict.kind === 'restore') {
          ports.push(verdict.port);
          restored.add(index);
          continue;
        }
      } else takenOff.forget(port.port);
      // Proxmox's own removal may have failed: it looks for its own name (see taken-off.ts).
      if (isLeftUnplugged(identity.runtime, nic)) off.add(index);
      const reason = obstacleTo(identity.runtime, { ...nic, bridge: port.bridge }, isOvsBridge);
      if (reason !== undefined) skipped.push(`net${index}: ${reason}`);
      else {
        const rest = await restAfterChange(guest.vmid, port);
        if (rest > 0) again = Math.min(again ?? rest, rest);
        // Never the card's own: a port with a smaller one lowers the bridge for everybody (PVE::Network::tap_plug).
        const mtu = await parts.bridgeMtu(port.bridge);
        ports.push({
          ...port,
          ...(rest > 0 && { row: port.interface }),
          ...(mtu !== undefined && { mtu }),
        });
      }
    }
    return {
      guest: identity,
      ports: ports.filter((port) => links.has(port.interface) || isCutOff(port, links)),
      skipped: [...skipped, ...damageOf(guest)],
      note: ports.length === 0 ? 'no network card on an OVS bridge' : 'no network card plugged',
      off,
      restored,
      ...(again !== undefined && { again }),
    };
  };

  const isAside = ({ runtime, vmid }: ProxmoxGuest) => runtime === 'proxmox-lxc' && parts.asideFor(vmid) > 0;

  /**
   * For everybody but post-start, which Proxmox sends only after it has plugged. Between making a device and plugging it
   * Proxmox needs its name free, at a start and in the middle of a change: plugging it then would make Proxmox fail.
   */
  const resolvePlugged = async (
    guest: ProxmoxGuest,
    links: ReadonlySet<string>,
    healKept = false,
  ): Promise<Resolution> => {
    const { ports = [], off, restored, ...rest } = await resolve(guest, links);
    const plugged = await Promise.all(
      ports.map(async (port) => {
        if (holderOf(port.interface) !== undefined || restored.has(port.nic)) return true;
        const isChanging = guest.config.pendingNics.has(port.nic) || isAside(guest);
        if (!links.has(port.interface)) return !isChanging;
        const isKeptAndThere = port.row !== undefined && !healKept && !parts.isBridgeGone(port.bridge);
        const isProxmoxsTurn = isChanging || isKeptAndThere;
        return !isProxmoxsTurn && parts.isForThisLink(port);
      }),
    );
    const wished = ports.filter((_, index) => plugged[index]);
    return { ...rest, ports: [...wished, ...(await stillHeld(guest.vmid, wished, links, off))] };
  };

  /**
   * A card that its configuration no longer names, or names wrongly, stays connected for as long as it is there. One that
   * Proxmox has put into a bridge of the kernel does not: its removal of the port may have failed (see taken-off.ts).
   */
  const stillHeld = async (
    vmid: number,
    wished: readonly DesiredPort[],
    links: ReadonlySet<string>,
    off: ReadonlySet<number>,
  ): Promise<DesiredPort[]> => {
    const held = (parts.claim(keyOf(vmid))?.ports ?? []).filter(
      (port) =>
        links.has(port.interface) &&
        holderOf(port.interface)?.row === port.port &&
        !off.has(port.nic) &&
        !wished.some((wish) => wish.nic === port.nic),
    );
    const bridges = await Promise.all(held.map((port) => parts.kernelBridgeOf(port.interface)));
    return held.filter((_, index) => bridges[index] === undefined);
  };

  /** For post-start: Proxmox has read the configuration and plugged the cards. */
  const resolveStarted = async (guest: ProxmoxGuest, links: ReadonlySet<string>): Promise<Resolution> => {
    const { ports = [], off, restored: _, ...rest } = await resolve(guest, links);
    return { ...rest, ports: [...ports, ...(await stillHeld(guest.vmid, ports, links, off))] };
  };

  /** Without a configuration here: it is on the node that the guest comes from, or cannot be read. */
  const lookElsewhere = async (vmid: number, links: ReadonlySet<string>): Promise<Resolution | undefined> => {
    const isHere = [...links].some((link) => parseGuestInterface(link)?.vmid === vmid);
    const node = isHere ? await readProxmoxNodeOf(vmid, { root }) : undefined;
    const guest = node === undefined ? undefined : await readProxmoxGuest(vmid, { root, node });
    if (guest) return resolvePlugged(guest, links);
    const claim = parts.claim(keyOf(vmid));
    if (!claim?.guest.runtime.startsWith('proxmox')) return undefined;
    const ports = claim.ports.filter((port) => links.has(port.interface));
    return { guest: claim.guest, ports, skipped: [], note: 'its configuration is not here' };
  };

  return {
    async resolve(event, late = false) {
      const { vmid, migratedFrom: node } = event;
      const guest =
        (await readProxmoxGuest(vmid, { root })) ??
        (node === undefined ? undefined : await readProxmoxGuest(vmid, { root, node }));
      const identity = guest ? identityOf(guest) : unknownGuest(vmid);
      if (late && event.phase !== 'pre-stop') {
        // Without a configuration the next look at all guests decides.
        return guest
          ? resolvePlugged(guest, await linkNames())
          : { guest: identity, skipped: [], note: 'too late to tell' };
      }
      switch (event.phase) {
        // The guest does not run yet: whatever stands under its name is a leftover and would be in Proxmox's way.
        case 'pre-start':
          parts.onStart(vmid);
          return { guest: identity, ports: [], skipped: [], note: 'ready for its network cards' };
        case 'post-start': {
          if (guest) return resolveStarted(guest, await linkNames());
          const problem = await proxmoxGuestProblem(vmid, { root });
          const skipped = [problem ?? `there is no configuration of guest ${vmid} in ${root}`];
          return { guest: identity, skipped, note: 'configuration not found' };
        }
        // Comes before the shutdown request, which may time out and leave the guest running.
        case 'pre-stop':
          return { guest: identity, skipped: [], note: 'stop was asked for' };
        case 'post-stop':
          return { guest: identity, ports: [], skipped: [], note: 'its ports are gone' };
      }
    },

    async container(vmid) {
      const guest = await readProxmoxGuest(vmid, { root });
      if (guest === undefined) return undefined;
      if (guest.runtime === 'proxmox-lxc') return resolvePlugged(guest, await linkNames());
      const reason = `its name is the VMID of ${guest.config.name ?? 'a VM'} in ${root}`;
      return { skipped: [reason], note: reason };
    },

    async look(vmid) {
      const guest = await readProxmoxGuest(vmid, { root });
      const links = await linkNames();
      return guest ? resolvePlugged(guest, links) : lookElsewhere(vmid, links);
    },

    async lockOf(vmid) {
      return (await readProxmoxGuest(vmid, { root }))?.config.lock;
    },

    async current() {
      const tree = await readProxmoxTree({ root });
      if (tree.state === 'unavailable') return undefined;
      const links = await linkNames();
      // Its guests run on when the directory vanishes: each keeps what it has for as long as its card is there.
      const guests = tree.state === 'ready' ? tree.guests : new Map<number, ProxmoxGuest>();
      const running = new Set([...links].map((link) => parseGuestInterface(link)?.vmid));
      const known = [...guests.values()].filter((guest) => running.has(guest.vmid));
      const found = await Promise.all(
        known.map(async (guest) => ({
          key: keyOf(guest.vmid),
          resolution: await resolvePlugged(guest, links, true),
        })),
      );
      for (const { key, guest } of parts.claims()) {
        if (!guest.runtime.startsWith('proxmox') || guests.has(guest.vmid)) continue;
        const resolution = await lookElsewhere(guest.vmid, links);
        if (resolution?.ports?.length) found.push({ key, resolution });
      }
      for (const [vmid, reason] of tree.state === 'ready' ? tree.unreadable : []) {
        if (!running.has(vmid)) continue;
        const had = found.find(({ key }) => key === keyOf(vmid));
        const skipped = [`its configuration cannot be read: ${reason}`];
        if (had) had.resolution = { ...had.resolution, skipped };
        else found.push({ key: keyOf(vmid), resolution: { guest: unknownGuest(vmid), skipped, note: '' } });
      }
      return found;
    },
  };
}

/** What stands in the file that is no configuration; a card's own problem is told with the card. */
function damageOf({ config }: ProxmoxGuest): string[] {
  const [first, ...others] = config.problems.filter((problem) => !/^line \d+: net\d+: /.test(problem));
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : `, and ${others.length} more like this`;
  return [`a part of its configuration: ${first}${more}`];
}

function identityOf({ vmid, runtime, config }: ProxmoxGuest): Guest {
  return { runtime, vmid, name: config.name ?? String(vmid) };
}

const unknownGuest = (vmid: number): Guest => ({ runtime: 'proxmox-qemu', vmid, name: String(vmid) });
