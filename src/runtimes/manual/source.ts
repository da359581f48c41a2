// Ports that somebody asked for over D-Bus or the command line, for a device that exists already.

import { guestKeyOf, type ManualEvent } from '../../core/events/lifecycle-event.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { portName } from '../../core/guest/vmid.ts';
import type { Vlan } from '../../core/plan/desired.ts';
import type { Claim } from '../../state/desired-state.ts';
import { retained } from '../retained.ts';
import type { Source } from '../source.ts';

export interface ManualParts {
  defaultBridge: string;
  claim: (key: string) => Claim | undefined;
  claims: () => readonly Claim[];
  linkNames: () => Promise<ReadonlySet<string>>;
}

export function manualSource({ defaultBridge, claim, claims, linkNames }: ManualParts): Source<ManualEvent> {
  return {
    async resolve(event) {
      const former = claim(guestKeyOf(event));
      const guest: Guest = former?.guest ?? { runtime: 'manual', vmid: event.vmid, name: event.name };
      const others = (former?.ports ?? []).filter((port) => port.nic !== event.nic);
      if (event.phase === 'detach') return { guest, ports: others, skipped: [], note: 'its ports are gone' };
      const bridge = event.bridge ?? defaultBridge;
      const port = portName(event.vmid, event.nic);
      const { mtu } = event;
      const vlan = event.vlan as Vlan | undefined;
      const wish = {
        port,
        interface: event.interface,
        bridge,
        guest,
        nic: event.nic,
        ...(vlan && { vlan }),
        ...(mtu !== undefined && { mtu }),
      };
      return { guest, ports: [...others, wish], skipped: [], note: '' };
    },
    current: async () => retained(claims(), 'manual', await linkNames()),
  };
}
