// Plain LXC containers: from their hooks, what runs and their configuration file to the ports they should have.

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { LxcEvent } from '../../core/events/lifecycle-event.ts';
import { type Guest, guestNameProblem } from '../../core/guest/guest.ts';
import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import { portName, vmidFromText } from '../../core/guest/vmid.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { nodeTreeFs } from '../../core/lib/tree-fs.ts';
import type { DesiredPort, Vlan } from '../../core/plan/desired.ts';
import type { Claim } from '../../state/desired-state.ts';
import { retained } from '../retained.ts';
import type { Resolution, Source } from '../source.ts';
import { LXC_CONFIG_MAX_BYTES, type LxcConfig, type LxcNet, parseLxcConfig } from './config.ts';
import type { LxcContainer } from './containers.ts';

export interface LxcParts {
  /** `/var/lib/lxc`: where a container's configuration is when the hook does not say. */
  root: string;
  /** The bridge of a card without `lxc.net.N.link`. */
  bridge: string;
  isOvsBridge: (name: string) => boolean;
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Names of the host ends of all veths in the namespaces of these processes; one that is gone has none. */
  hostEndsOf: (pids: readonly number[]) => Promise<ReadonlyMap<number, readonly string[]>>;
  /** Those of root that run, whether or not a hook has told. */
  running: () => Promise<readonly LxcContainer[]>;
  /** Name of the bridge, of either kind, that the device is plugged into now. */
  pluggedInto: (link: string) => Promise<string | undefined>;
  /** What the host itself uses the device for, as the end of a sentence. */
  hostUse: (link: string) => Promise<string | undefined>;
  /** A container of Proxmox starts; one without our hookscript tells by LXC's hook alone. */
  onProxmoxStart: (vmid: number) => void;
  claim: (key: string) => Claim | undefined;
  claims: () => readonly Claim[];
  /** The guest that the device belongs to. */
  ownerOf: (link: string) => Claim | undefined;
  vmidFor: (name: string) => Promise<number>;
  /** VLANs of the port that has the device now. */
  vlanOf: (link: string) => Vlan | undefined;
  /** Why a container that runs cannot be a guest at all; undefined when it can again. */
  onProblem: (name: string, reason: string | undefined) => void;
  /** Releases numbers of containers that are gone. */
  lookAtVmids: () => Promise<void>;
  /** What Proxmox says of the container with that number: its own containers run our hooks too. */
  proxmoxContainer: (vmid: number) => Promise<Resolution | undefined>;
  /** Whether the process runs and did so at `at` (RFC 3339): numbers are given out again. */
  ranAt: (pid: number, at: string) => Promise<boolean>;
}

export function lxcSource(parts: LxcParts): Source<LxcEvent> {
  let told: ReadonlySet<string> = new Set();
  const identity = async (name: string): Promise<Guest> => ({
    runtime: 'lxc',
    vmid: vmidFromText(name) ?? (await parts.vmidFor(name)),
    name,
  });

  /**
   * The bridge of one host end, or why it gets no port. Where the device is plugged counts first: a container stays on
   * the bridge, of whatever kind, that LXC put it on. Only one that is nowhere goes to our bridge.
   */
  const placeOf = async (
    link: string,
    config: LxcConfig | undefined,
    asked: { link?: string; byName: boolean },
  ): Promise<{ bridge: string } | string> => {
    const use = await parts.hostUse(link);
    if (use !== undefined) return `${link} ${use}`;
    const owner = parts.ownerOf(link);
    if (owner !== undefined && owner.guest.runtime !== 'lxc') {
      return `${link} is the port of ${owner.guest.name} (${owner.guest.runtime})`;
    }
    const card = [...(config?.nets ?? [])].find(([, net]) => net.vethPair === link)?.[1];
    const known = config !== undefined || asked.byName;
    const bridge =
      (await parts.pluggedInto(link)) ?? asked.link ?? card?.link ?? (known ? parts.bridge : undefined);
    if (bridge === undefined) return `${link}: the container's configuration cannot be read`;
    // One that is not there at all is waited for.
    const isAnother = !parts.isOvsBridge(bridge) && (await parts.linkNames()).has(bridge);
    return isAnother ? `${link}: ${bridge} is not an OVS bridge` : { bridge };
  };

  const withLink = (
    guest: Guest,
    had: readonly DesiredPort[],
    link: string,
    { config, bridge }: { config: LxcConfig | undefined; bridge: string },
  ): DesiredPort => {
    const nets = config?.nets ?? new Map<number, LxcNet>();
    const named = [...nets].find(([, net]) => net.vethPair === link)?.[0];
    const nic = nicIndex(guest, link, named, had, nets);
    const vlan = vlanIn(parts.vlanOf(link)) ?? vlanIn(nets.get(nic)?.vlan);
    return {
      port: portName(guest.vmid, nic),
      interface: link,
      bridge,
      guest,
      nic,
      // LXC has set it already where it plugged the card; a row that is made anew needs it again.
      ...(vlan && { vlan }),
    };
  };

  /** All cards of a container whose network is there. A number is used up only by one that gets a port. */
  const started = async (
    name: string,
    pid: number,
    links: readonly string[],
    config: LxcConfig | undefined,
  ): Promise<Resolution> => {
    const claim = parts.claim(keyOf(name));
    const ports = (claim?.ports ?? []).filter((port) => links.includes(port.interface));
    const skipped: string[] = [...(config?.problems ?? [])];
    let guest = claim?.guest;
    for (const link of links) {
      if (ports.some((port) => port.interface === link)) continue;
      const place = await placeOf(link, config, { byName: false });
      if (typeof place === 'string') skipped.push(place);
      else {
        guest ??= await identity(name);
        ports.push(withLink(guest, ports, link, { config, ...place }));
      }
    }
    return {
      ...(guest && { guest }),
      ports: ports.map((port) => ({ ...port, peer: { pid }, ...announced(config?.nets.get(port.nic)) })),
      skipped,
      note: 'no network card of type veth',
    };
  };

  /** One that runs, by what is there now; `undefined` for one of Proxmox's, which its own source knows. */
  const present = async (
    { name, lxcPath, init }: LxcContainer,
    ends: ReadonlyMap<number, readonly string[]>,
    links: ReadonlySet<string>,
  ): Promise<Resolution | undefined> => {
    const vmid = vmidFromText(name);
    if (vmid !== undefined && (await parts.proxmoxContainer(vmid))) return undefined;
    const inside = init === undefined ? undefined : ends.get(init);
    if (init === undefined || inside === undefined) {
      const claim = parts.claim(keyOf(name));
      const ports = (claim?.ports ?? []).filter((port) => links.has(port.interface));
      return { ...(claim && { guest: claim.guest }), ports, skipped: [], note: 'it starts or ends' };
    }
    return started(name, init, inside, await readConfig(join(lxcPath, name, 'config')));
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
    const { name } = event;
    const claim = parts.claim(keyOf(name));
    const had = claim?.ports ?? [];
    const known = claim?.guest;
    const others = had.filter((port) => port.interface !== event.interface);
    const config = () => readConfig(event.configFile ?? join(parts.root, name, 'config'));
    switch (event.phase) {
      case 'net-up': {
        if (event.interface === undefined) return nothing(known, 'the hook named no network device');
        if (late && !(await parts.linkNames()).has(event.interface)) {
          return nothing(known, `${event.interface} is gone by now`);
        }
        const read = await config();
        const place = await placeOf(event.interface, read, {
          byName: true,
          ...(event.link !== undefined && { link: event.link }),
        });
        if (typeof place === 'string') return nothing(known, place);
        const guest = known ?? (await identity(name));
        const port = withLink(guest, others, event.interface, { config: read, ...place });
        return { guest, ports: [...others, port], skipped: [], note: '' };
      }
      case 'start-host': {
        const { pid } = event;
        if (pid === undefined) return nothing(known, 'the hook named no process');
        const links = (await parts.hostEndsOf([pid])).get(pid);
        if (links === undefined) {
          throw new AgentError('container-not-attachable', `The network namespace of process ${pid} is gone`);
        }
        return started(name, pid, links, await config());
      }
      case 'net-down':
      case 'post-stop': {
        const left = event.phase === 'net-down' ? others : [];
        const links = late ? await parts.linkNames() : undefined;
        const ports = links ? had.filter((port) => links.has(port.interface)) : left;
        return { ...(known && { guest: known }), ports, skipped: [], note: 'its ports are gone' };
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
      const isStart = event.phase === 'net-up' || event.phase === 'start-host';
      if (vmid !== undefined && isStart && !late) parts.onProxmoxStart(vmid);
      const proxmox = vmid === undefined ? undefined : await parts.proxmoxContainer(vmid);
      return proxmox ? asProxmox(event, proxmox, late) : asLxc(event, late);
    },

    async current() {
      const running = await parts.running();
      const pids = running.flatMap(({ init }) => init ?? []);
      const [ends, links] = await Promise.all([
        pids.length === 0 ? new Map<number, string[]>() : parts.hostEndsOf(pids),
        parts.linkNames(),
      ]);
      const found = new Map(retained(parts.claims(), 'lxc', links).map((entry) => [entry.key, entry]));
      const seen = new Map<string, string>();
      const problems = new Map<string, string>();
      for (const container of running) {
        const { name, lxcPath } = container;
        const key = keyOf(name);
        const first = seen.get(key);
        const problem = guestNameProblem(name);
        if (problem !== undefined) problems.set(name, problem);
        else if (first !== undefined) {
          problems.set(name, `it runs in ${first} and in ${lxcPath}: only the one in ${first} has ports`);
        }
        if (problem !== undefined || first !== undefined) continue;
        seen.set(key, lxcPath);
        const resolution = await present(container, ends, links);
        if (resolution !== undefined) found.set(key, { key, resolution });
      }
      for (const name of told) if (!problems.has(name)) parts.onProblem(name, undefined);
      told = new Set(problems.keys());
      for (const [name, problem] of problems) parts.onProblem(name, problem);
      await parts.lookAtVmids();
      return [...found.values()];
    },
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

/** Without a MAC in its configuration a card gets a random one at each start, and neighbours know the one before. */
const announced = (net: LxcNet | undefined): Pick<DesiredPort, 'announces'> =>
  net?.hwaddr === undefined && net?.addresses !== undefined ? { announces: net.addresses } : {};

const vlanIn = (vlan: Vlan | undefined): Vlan | undefined =>
  vlan && (vlan.tag !== undefined || vlan.trunks.length > 0) ? vlan : undefined;

const keyOf = (name: string) => (vmidFromText(name) === undefined ? `lxc:${name}` : `vmid:${name}`);

/** Undefined when it cannot be read whole; that it has no cards may not be concluded then. */
async function readConfig(path: string): Promise<LxcConfig | undefined> {
  try {
    return parseLxcConfig(await nodeTreeFs.read(await realpath(path), LXC_CONFIG_MAX_BYTES));
  } catch {
    return undefined;
  }
}
