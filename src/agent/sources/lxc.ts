// Plain LXC containers: from their hooks and configuration file to the ports they should have.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LxcEvent } from '../../core/events/lifecycle-event.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import {
  LXC_CONFIG_MAX_BYTES,
  type LxcConfig,
  type LxcNet,
  parseLxcConfig,
} from '../../core/guest/lxc-config.ts';
import { portName, vmidFromText } from '../../core/guest/vmid.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Claim } from '../claims.ts';
import type { Resolution, Source } from './resolution.ts';
import { retained } from './retained.ts';

export interface LxcParts {
  /** `/var/lib/lxc`: where a container's configuration is when the hook does not say. */
  root: string;
  /** The bridge of a card without `lxc.net.N.link`. */
  bridge: string;
  isOvsBridge: (name: string) => boolean;
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Names of the host ends of all veths in the namespace of a process. */
  hostEndsOf: (pid: number) => Promise<string[]>;
  /** Name of the bridge, of either kind, that the device is plugged into now. */
  pluggedInto: (link: string) => Promise<string | undefined>;
  /** What the host itself uses the device for, as the end of a sentence. */
  hostUse: (link: string) => Promise<string | undefined>;
  claim: (key: string) => Claim | undefined;
  claims: () => readonly Claim[];
  vmidFor: (name: string) => Promise<number>;
  /** What Proxmox says of the container with that number: its own containers run our hooks too. */
  proxmoxContainer: (vmid: number) => Promise<Resolution | undefined>;
  /** Whether the process runs and did so at `at` (RFC 3339): numbers are given out again. */
  ranAt: (pid: number, at: string) => Promise<boolean>;
}

export function lxcSource(parts: LxcParts): Source<LxcEvent> {
  const identity = async (name: string): Promise<Guest> => ({
    runtime: 'lxc',
    vmid: vmidFromText(name) ?? (await parts.vmidFor(name)),
    name,
  });

  /**
   * The port of one host end, or why there is none. Where the device is plugged counts first: a container stays on
   * the bridge, of whatever kind, that LXC put it on. Only one that is nowhere goes to our bridge.
   */
  const withLink = async (
    guest: Guest,
    had: readonly DesiredPort[],
    link: string,
    config: LxcConfig | undefined,
    asked: { link?: string; byName: boolean },
  ): Promise<DesiredPort | string> => {
    const use = await parts.hostUse(link);
    if (use !== undefined) return `${link} ${use}`;
    const nets = config?.nets ?? new Map<number, LxcNet>();
    const card = [...nets].find(([, net]) => net.vethPair === link);
    const known = config !== undefined || asked.byName;
    const bridge =
      (await parts.pluggedInto(link)) ?? asked.link ?? card?.[1].link ?? (known ? parts.bridge : undefined);
    if (bridge === undefined) return `${link}: the container's configuration cannot be read`;
    if (!parts.isOvsBridge(bridge)) return `${link}: ${bridge} is not an OVS bridge`;
    const nic = nicIndex(guest, link, card?.[0], had, nets);
    return { port: portName(guest.vmid, nic), interface: link, bridge, guest, nic };
  };

  /** For a container of Proxmox its configuration decides, not LXC's; this hook knows only where its init is. */
  const asProxmox = (event: LxcEvent, found: Resolution, late: boolean): Resolution => {
    switch (event.phase) {
      case 'net-up':
        return found;
      case 'start-host': {
        const { pid } = event;
        if (pid === undefined || found.ports === undefined) return found;
        return { ...found, ports: found.ports.map((port) => ({ ...port, peer: { pid } })) };
      }
      case 'net-down':
      case 'post-stop':
        return late || found.ports === undefined
          ? found
          : { ...found, ports: [], note: 'its ports are gone' };
    }
  };

  const asLxc = async (event: LxcEvent, late: boolean): Promise<Resolution> => {
    const guest = await identity(event.name);
    const key = vmidFromText(event.name) === undefined ? `lxc:${event.name}` : `vmid:${event.name}`;
    const had = parts.claim(key)?.ports ?? [];
    const others = had.filter((port) => port.interface !== event.interface);
    switch (event.phase) {
      case 'net-up': {
        if (event.interface === undefined) return nothing(guest, 'the hook named no network device');
        if (late && !(await parts.linkNames()).has(event.interface)) {
          return nothing(guest, `${event.interface} is gone by now`);
        }
        const config = await readConfig(parts.root, event);
        const port = await withLink(guest, others, event.interface, config, {
          byName: true,
          ...(event.link !== undefined && { link: event.link }),
        });
        if (typeof port === 'string') return nothing(guest, port);
        return { guest, ports: [...others, port], skipped: [], note: '' };
      }
      case 'start-host': {
        if (event.pid === undefined) return nothing(guest, 'the hook named no process');
        const config = await readConfig(parts.root, event);
        const links = await parts.hostEndsOf(event.pid);
        const ports = had.filter((port) => links.includes(port.interface));
        const skipped: string[] = [...(config?.problems ?? [])];
        for (const link of links) {
          if (ports.some((port) => port.interface === link)) continue;
          const port = await withLink(guest, ports, link, config, { byName: false });
          if (typeof port === 'string') skipped.push(port);
          else ports.push(port);
        }
        const peer = { pid: event.pid };
        return {
          guest,
          ports: ports.map((port) => ({ ...port, peer })),
          skipped,
          note: 'no network card of type veth',
        };
      }
      case 'net-down':
      case 'post-stop': {
        const left = event.phase === 'net-down' ? others : [];
        const links = late ? await parts.linkNames() : undefined;
        const ports = links ? had.filter((port) => links.has(port.interface)) : left;
        return { guest, ports, skipped: [], note: 'its ports are gone' };
      }
    }
  };

  return {
    async resolve(event, late = false) {
      const vmid = vmidFromText(event.name);
      const { pid } = event;
      if (late && pid !== undefined && !(await parts.ranAt(pid, event.at))) {
        return nothing(undefined, `its process ${pid} is gone by now`);
      }
      const proxmox = vmid === undefined ? undefined : await parts.proxmoxContainer(vmid);
      return proxmox ? asProxmox(event, proxmox, late) : asLxc(event, late);
    },

    current: async () => retained(parts.claims(), 'lxc', await parts.linkNames()),
  };
}

const nothing = (guest: Guest | undefined, reason: string): Resolution => ({
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
  const told = named?.vmid === guest.vmid ? named.nic : fromConfig;
  const used = new Set(had.map((port) => port.nic));
  if (told !== undefined && !used.has(told)) return told;
  const unnamed = [...nets].flatMap(([n, net]) => (net.vethPair === undefined ? [n] : []));
  const candidates = [...unnamed.sort((a, b) => a - b), ...Array(1000).keys()];
  return candidates.find((n) => !used.has(n)) ?? 0;
}

/** Undefined when it cannot be read; that it has no cards may not be concluded then. */
async function readConfig(root: string, event: LxcEvent): Promise<LxcConfig | undefined> {
  const path = event.configFile ?? join(root, event.name, 'config');
  try {
    const text = await readFile(path, 'utf8');
    return parseLxcConfig(text.slice(0, LXC_CONFIG_MAX_BYTES));
  } catch {
    return undefined;
  }
}
