// The ports of one plain LXC container: which bridge each host end belongs to, and which number it has.

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { LxcEvent } from '../../core/events/lifecycle-event.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import { portName, vmidFromText } from '../../core/guest/vmid.ts';
import { nodeTreeFs } from '../../core/lib/tree-fs.ts';
import type { DesiredPort, Vlan } from '../../core/plan/desired.ts';
import type { Resolution } from '../source.ts';
import { LXC_CONFIG_MAX_BYTES, type LxcConfig, type LxcNet, parseLxcConfig } from './config.ts';
import type { LxcParts } from './parts.ts';

export class ContainerPorts {
  readonly #parts: LxcParts;

  constructor(parts: LxcParts) {
    this.#parts = parts;
  }

  /** LXC is about to plug one device. */
  async plugged(event: LxcEvent, link: string): Promise<Resolution> {
    const desiredGuest = this.#parts.desiredGuest(keyOf(event.name));
    const others = (desiredGuest?.ports ?? []).filter((port) => port.interface !== link);
    const config = await readConfig(event.configFile ?? join(this.#parts.root, event.name, 'config'));
    const place = await this.#placeOf(link, config, {
      byName: true,
      ...(event.link !== undefined && { link: event.link }),
    });
    if (typeof place === 'string') return nothing(desiredGuest?.guest, place);
    const guest = desiredGuest?.guest ?? (await this.#identity(event.name));
    const port = this.#withLink(guest, others, link, { config, ...place });
    return { guest, ports: [...others, port], skipped: [], note: '' };
  }

  /** All NICs of a container whose network is there. A number is used up only by one that gets a port. */
  async started(
    name: string,
    pid: number,
    links: readonly string[],
    config: LxcConfig | undefined,
  ): Promise<Resolution> {
    const desiredGuest = this.#parts.desiredGuest(keyOf(name));
    const ports = (desiredGuest?.ports ?? []).filter((port) => links.includes(port.interface));
    const skipped: string[] = [...(config?.problems ?? [])];
    let guest = desiredGuest?.guest;
    for (const link of links) {
      if (ports.some((port) => port.interface === link)) continue;
      const place = await this.#placeOf(link, config, { byName: false });
      if (typeof place === 'string') skipped.push(place);
      else {
        guest ??= await this.#identity(name);
        ports.push(this.#withLink(guest, ports, link, { config, ...place }));
      }
    }
    return {
      ...(guest && { guest }),
      ports: ports.map((port) => ({ ...port, peer: { pid }, ...announced(config?.nets.get(port.nic)) })),
      skipped,
      note: 'no network card of type veth',
    };
  }

  async #identity(name: string): Promise<Guest> {
    return { runtime: 'lxc', vmid: vmidFromText(name) ?? (await this.#parts.vmidFor(name)), name };
  }

  /**
   * The bridge of one host end, or why it gets no port. Where the device is plugged counts first: a container stays on
   * the bridge, of whatever kind, that LXC put it on. Only one that is nowhere goes to our bridge.
   */
  async #placeOf(
    link: string,
    config: LxcConfig | undefined,
    asked: { link?: string; byName: boolean },
  ): Promise<{ bridge: string } | string> {
    const use = await this.#parts.hostUse(link);
    if (use !== undefined) return `${link} ${use}`;
    const owner = this.#parts.ownerOf(link);
    if (owner !== undefined && owner.guest.runtime !== 'lxc') {
      return `${link} is the port of ${owner.guest.name} (${owner.guest.runtime})`;
    }
    const nic = [...(config?.nets ?? [])].find(([, net]) => net.vethPair === link)?.[1];
    const known = config !== undefined || asked.byName;
    const bridge =
      (await this.#parts.pluggedInto(link)) ??
      asked.link ??
      nic?.link ??
      (known ? this.#parts.bridge : undefined);
    if (bridge === undefined) return `${link}: the container's configuration cannot be read`;
    // One that is not there at all is waited for.
    const isAnother = !this.#parts.isOvsBridge(bridge) && (await this.#parts.linkNames()).has(bridge);
    return isAnother ? `${link}: ${bridge} is not an OVS bridge` : { bridge };
  }

  #withLink(
    guest: Guest,
    had: readonly DesiredPort[],
    link: string,
    { config, bridge }: { config: LxcConfig | undefined; bridge: string },
  ): DesiredPort {
    const nets = config?.nets ?? new Map<number, LxcNet>();
    const named = [...nets].find(([, net]) => net.vethPair === link)?.[0];
    const nic = nicIndex(guest, link, named, had, nets);
    const vlan = vlanIn(this.#parts.vlanOf(link)) ?? vlanIn(nets.get(nic)?.vlan);
    return {
      port: portName(guest.vmid, nic),
      interface: link,
      bridge,
      guest,
      nic,
      // LXC has set it already where it plugged the NIC; a row that is made anew needs it again.
      ...(vlan && { vlan }),
    };
  }
}

export const keyOf = (name: string) => (vmidFromText(name) === undefined ? `lxc:${name}` : `vmid:${name}`);

export const nothing = (guest: Guest | undefined, reason: string): Resolution => ({
  ...(guest && { guest }),
  skipped: [reason],
  note: reason,
});

/** The N of lxc.net.N if the configuration or the device's name tells it, else the lowest that is free. */
function nicIndex(
  guest: Guest,
  link: string,
  fromConfig: number | undefined,
  had: readonly DesiredPort[],
  nets: LxcConfig['nets'],
): number {
  const named = parseGuestInterface(link);
  const reported = named?.vmid === guest.vmid ? named.nic : fromConfig;
  const used = new Set(had.map((port) => port.nic));
  if (reported !== undefined && !used.has(reported)) return reported;
  const unnamed = [...nets].flatMap(([n, net]) => (net.vethPair === undefined ? [n] : []));
  const candidates = [...unnamed.sort((a, b) => a - b), ...Array(1000).keys()];
  return candidates.find((n) => !used.has(n)) ?? 0;
}

/** Without a MAC in its configuration a NIC gets a random one at each start, and neighbours know the one before. */
const announced = (net: LxcNet | undefined): Pick<DesiredPort, 'announces'> =>
  net?.hwaddr === undefined && net?.addresses !== undefined ? { announces: net.addresses } : {};

const vlanIn = (vlan: Vlan | undefined): Vlan | undefined =>
  vlan && (vlan.tag !== undefined || vlan.trunks.length > 0) ? vlan : undefined;

/** Undefined when it cannot be read whole; that it has no NICs may not be concluded then. */
export async function readConfig(path: string): Promise<LxcConfig | undefined> {
  try {
    return parseLxcConfig(await nodeTreeFs.read(await realpath(path), LXC_CONFIG_MAX_BYTES));
  } catch {
    return undefined;
  }
}
