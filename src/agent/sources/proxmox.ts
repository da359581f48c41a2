// Proxmox guests: from /etc/pve and the devices that Proxmox made to the ports they should have.

import type { ProxmoxEvent } from '../../core/events/lifecycle-event.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import { isNicProblem, type Nic, trunkIds } from '../../core/guest/nic.ts';
import { type ProxmoxGuest, readProxmoxGuest, readProxmoxTree } from '../../core/guest/proxmox-tree.ts';
import { portName } from '../../core/guest/vmid.ts';
import type { DesiredPort, Vlan } from '../../core/plan/desired.ts';
import type { Resolution, Source } from './resolution.ts';

export interface ProxmoxParts {
  /** `/etc/pve`. */
  root: string;
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Whether an OVS bridge of that name exists or will be made by us. */
  isOvsBridge: (name: string) => boolean;
  /**
   * Whether the device is on a bridge already, or was ours before in this life of it. Between making a device and
   * plugging it Proxmox needs its name free: plugging it then would keep the guest from starting.
   */
  isPlugged: (port: DesiredPort) => Promise<boolean>;
}

export interface ProxmoxSource extends Source<ProxmoxEvent> {
  /** What the container of that number should have now; undefined when it is none of Proxmox's. */
  container(vmid: number): Promise<Resolution | undefined>;
}

export function proxmoxSource({ root, linkNames, isOvsBridge, isPlugged }: ProxmoxParts): ProxmoxSource {
  /** The ports for those NICs whose device exists; Proxmox makes it before post-start. */
  const resolve = (guest: ProxmoxGuest, links: ReadonlySet<string>): Resolution => {
    const identity = identityOf(guest);
    const ports: DesiredPort[] = [];
    const skipped: string[] = [];
    for (const [index, nic] of guest.config.nics) {
      if (isNicProblem(nic)) {
        skipped.push(`net${index}: ${nic.problem}`);
        continue;
      }
      const reason = obstacleTo(nic, isOvsBridge);
      if (reason !== undefined) skipped.push(`net${index}: ${reason}`);
      else ports.push(desiredPort(identity, index, nic));
    }
    return {
      guest: identity,
      ports: ports.filter((port) => links.has(port.interface)),
      skipped,
      note: ports.length === 0 ? 'no network card on an OVS bridge' : 'no network card plugged',
    };
  };

  /** For everybody but post-start, which Proxmox sends only after it has plugged. */
  const resolvePlugged = async (guest: ProxmoxGuest, links: ReadonlySet<string>): Promise<Resolution> => {
    const { ports = [], ...rest } = resolve(guest, links);
    const plugged = await Promise.all(ports.map(isPlugged));
    return { ...rest, ports: ports.filter((_, index) => plugged[index]) };
  };

  return {
    async resolve(event, late = false) {
      const guest = await readProxmoxGuest(event.vmid, { root });
      const identity = guest ? identityOf(guest) : unknownGuest(event.vmid);
      if (late && event.phase !== 'pre-stop') {
        // Without a configuration the next look at all guests decides.
        return guest
          ? resolvePlugged(guest, await linkNames())
          : { guest: identity, skipped: [], note: 'too late to tell' };
      }
      switch (event.phase) {
        // The guest does not run yet: whatever stands under its name is a leftover and would be in Proxmox's way.
        case 'pre-start':
          return { guest: identity, ports: [], skipped: [], note: 'ready for its network cards' };
        case 'post-start': {
          if (guest) return resolve(guest, await linkNames());
          const skipped = [`there is no configuration of guest ${event.vmid} in ${root}`];
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

    async current() {
      const tree = await readProxmoxTree({ root });
      if (tree.state !== 'ready') return tree.state === 'absent' ? [] : undefined;
      const links = await linkNames();
      const running = new Set([...links].map((link) => parseGuestInterface(link)?.vmid));
      const guests = [...tree.guests.values()].filter((guest) => running.has(guest.vmid));
      return Promise.all(
        guests.map(async (guest) => ({
          key: `vmid:${guest.vmid}`,
          resolution: await resolvePlugged(guest, links),
        })),
      );
    },
  };
}

function identityOf({ vmid, runtime, config }: ProxmoxGuest): Guest {
  return { runtime, vmid, name: config.name ?? String(vmid) };
}

const unknownGuest = (vmid: number): Guest => ({ runtime: 'proxmox-qemu', vmid, name: String(vmid) });

function obstacleTo(nic: Nic, isOvsBridge: (name: string) => boolean): string | undefined {
  if (nic.bridge === undefined) return 'it has no bridge';
  if (!isOvsBridge(nic.bridge)) return `${nic.bridge} is not an OVS bridge`;
  if (nic.linkDown) return 'its link is set down';
  if (nic.firewall) return "Proxmox's firewall bridge holds it (firewall=1)";
  return undefined;
}

function desiredPort(guest: Guest, index: number, nic: Nic): DesiredPort {
  const prefix = guest.runtime === 'proxmox-qemu' ? 'tap' : 'veth';
  const vlan = vlanOf(nic);
  return {
    port: portName(guest.vmid, index),
    interface: `${prefix}${guest.vmid}i${index}`,
    bridge: nic.bridge ?? '',
    guest,
    nic: index,
    ...(vlan && { vlan }),
  };
}

/** As Proxmox plugs it: tag and trunks together mean native-untagged (PVE::Network::tap_plug). */
function vlanOf(nic: Nic): Vlan | undefined {
  const trunks = nic.trunks === undefined ? [] : trunkIds(nic.trunks);
  if (nic.tag === undefined && trunks.length === 0) return undefined;
  return {
    trunks,
    ...(nic.tag !== undefined && { tag: nic.tag }),
    ...(nic.tag !== undefined && trunks.length > 0 && { mode: 'native-untagged' }),
  };
}
