// Which guests a command is about; pure.

import { AgentError } from '../../../core/lib/errors.ts';
import type { ProxmoxGuest, ReadyTree } from '../config/tree.ts';

export type Chosen =
  | { readonly vmid: number; readonly guest: ProxmoxGuest }
  | { readonly vmid: number; readonly obstacle: AgentError };

/** Each number that was asked for, once, in their order; for `all` the guests of this node by number. */
export function chooseGuests(
  { guests, unreadable, vmlist }: ReadyTree,
  requested: readonly number[] | 'all',
): Chosen[] {
  const numbers =
    requested === 'all' ? [...guests.keys(), ...unreadable.keys()].sort((a, b) => a - b) : new Set(requested);
  return [...numbers].map((vmid) => {
    const guest = guests.get(vmid);
    if (guest !== undefined) return { vmid, guest };
    const problem = unreadable.get(vmid);
    if (problem !== undefined) {
      return {
        vmid,
        obstacle: new AgentError('bad-guest-config', `Its configuration cannot be read: ${problem}`),
      };
    }
    const node = vmlist.ok ? vmlist.guests.get(vmid)?.node : undefined;
    const obstacle =
      node === undefined
        ? new AgentError('guest-unknown', `There is no guest ${vmid}`)
        : new AgentError('guest-elsewhere', `Guest ${vmid} is on the node ${node}`);
    return { vmid, obstacle };
  });
}
