// Proxmox guests: from /etc/pve and the devices that Proxmox made to the ports they should have.

import type { ProxmoxEvent } from '../../core/events/lifecycle-event.ts';
import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import type { Resolution, Source } from '../source.ts';
import { type ProxmoxGuest, proxmoxGuestProblem, readProxmoxGuest, readProxmoxTree } from './config/tree.ts';
import { identityOf, keyOf, unknownGuest } from './identity.ts';
import type { ProxmoxParts } from './parts.ts';
import { PluggedPorts } from './plugged-ports.ts';

export interface ProxmoxSource extends Source<ProxmoxEvent> {
  /** What the container of that number should have now; undefined when it is none of Proxmox's. */
  container(vmid: number): Promise<Resolution | undefined>;
  /** What the guest of that number should have now; undefined when this node has nothing to do with it. */
  resolveNow(vmid: number): Promise<Resolution | undefined>;
  /** Who holds the guest, such as `backup` or `migrate`; undefined when nobody does. */
  lockOf(vmid: number): Promise<string | undefined>;
}

export function proxmoxSource(parts: ProxmoxParts): ProxmoxSource {
  const { root, linkNames } = parts;
  const plugged = new PluggedPorts(parts);

  return {
    resolve: (event, late = false) => eventMeaning(parts, plugged, event, late),

    async container(vmid) {
      const guest = await readProxmoxGuest(vmid, { root });
      if (guest === undefined) return undefined;
      if (guest.runtime === 'proxmox-lxc') return plugged.now(guest, await linkNames());
      const reason = `its name is the VMID of ${guest.config.name ?? 'a VM'} in ${root}`;
      return { skipped: [reason], note: reason };
    },

    async resolveNow(vmid) {
      const guest = await readProxmoxGuest(vmid, { root });
      const links = await linkNames();
      return guest ? plugged.now(guest, links) : plugged.elsewhere(vmid, links);
    },

    async lockOf(vmid) {
      return (await readProxmoxGuest(vmid, { root }))?.config.lock;
    },

    current: () => runningGuests(parts, plugged),
  };
}

/** What one event of a guest's means. */
async function eventMeaning(
  parts: ProxmoxParts,
  plugged: PluggedPorts,
  event: ProxmoxEvent,
  late: boolean,
): Promise<Resolution> {
  const { root, linkNames } = parts;
  const { vmid, migratedFrom: node } = event;
  const guest =
    (await readProxmoxGuest(vmid, { root })) ??
    (node === undefined ? undefined : await readProxmoxGuest(vmid, { root, node }));
  const identity = guest ? identityOf(guest) : unknownGuest(vmid);
  if (late && event.phase !== 'pre-stop') {
    // Without a configuration the next look at all guests decides.
    return guest
      ? plugged.now(guest, await linkNames())
      : { guest: identity, skipped: [], note: 'too late to tell' };
  }
  switch (event.phase) {
    // The guest does not run yet: whatever stands under its name is a leftover and would be in Proxmox's way.
    case 'pre-start':
      parts.onStart(vmid);
      return { guest: identity, ports: [], skipped: [], note: 'ready for its network cards' };
    case 'post-start': {
      if (guest) return plugged.started(guest, await linkNames());
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
}

/** What all guests that run should have; undefined while Proxmox cannot be asked. */
async function runningGuests(parts: ProxmoxParts, plugged: PluggedPorts) {
  const { root, linkNames } = parts;
  const tree = await readProxmoxTree({ root });
  if (tree.state === 'unavailable') return undefined;
  const links = await linkNames();
  // Its guests run on when the directory vanishes: each keeps what it has for as long as its NIC is there.
  const guests = tree.state === 'ready' ? tree.guests : new Map<number, ProxmoxGuest>();
  const running = new Set([...links].map((link) => parseGuestInterface(link)?.vmid));
  const known = [...guests.values()].filter((guest) => running.has(guest.vmid));
  const found = await Promise.all(
    known.map(async (guest) => ({
      key: keyOf(guest.vmid),
      resolution: await plugged.now(guest, links, true),
    })),
  );
  for (const { key, guest } of parts.desiredGuests()) {
    if (!guest.runtime.startsWith('proxmox') || guests.has(guest.vmid)) continue;
    const resolution = await plugged.elsewhere(guest.vmid, links);
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
}
