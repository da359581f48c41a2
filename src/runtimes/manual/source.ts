// Ports that somebody asked for over D-Bus or the command line, for a device that exists already.

import { guestKeyOf, type ManualEvent } from '../../core/events/lifecycle-event.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { portName } from '../../core/guest/vmid.ts';
import type { Vlan } from '../../core/plan/desired.ts';
import type { DesiredGuest } from '../../state/desired-state.ts';
import { retained } from '../retained.ts';
import type { Source } from '../source.ts';

export interface ManualParts {
  defaultBridge: string;
  desiredGuest: (key: string) => DesiredGuest | undefined;
  desiredGuests: () => readonly DesiredGuest[];
  linkNames: () => Promise<ReadonlySet<string>>;
}

export function manualSource({
  defaultBridge,
  desiredGuest,
  desiredGuests,
  linkNames,
}: ManualParts): Source<ManualEvent> {
  return {
    async resolve(event) {
      const former = desiredGuest(guestKeyOf(event));
      const guest: Guest = former?.guest ?? { runtime: 'manual', vmid: event.vmid, name: event.name };
      const others = (former?.ports ?? []).filter((port) => port.nic !== event.nic);
      if (event.phase === 'detach') return { guest, ports: others, skipped: [], note: 'its ports are gone' };
      const bridge = event.bridge ?? defaultBridge;
      const port = portName(event.vmid, event.nic);
      const { mtu } = event;
      const vlan = event.vlan as Vlan | undefined;
      const desiredPort = {
        port,
        interface: event.interface,
        bridge,
        guest,
        nic: event.nic,
        ...(vlan && { vlan }),
        ...(mtu !== undefined && { mtu }),
      };
      return { guest, ports: [...others, desiredPort], skipped: [], note: '' };
    },
    current: async () => retained(desiredGuests(), 'manual', await linkNames()),
  };
}
