// Why a port, or the device that it would hold, is another running guest's already.

import type { DesiredPort } from '../core/plan/desired.ts';
import type { DesiredState } from '../state/desired-state.ts';

/**
 * One port, one guest; one device, one guest. Of several that ask for a port that nobody has yet, the plan's rows decide;
 * of several that ask for a device, the first: two that took it from one another would never stop.
 */
export function takenBy(desiredState: Pick<DesiredState, 'binding' | 'ofPort' | 'ofDevice'>) {
  return ({ port, interface: link }: DesiredPort, key: string | undefined): string | undefined => {
    const binding = desiredState.binding(port);
    const isHeld = binding !== undefined && desiredState.ofPort(port)?.key === binding.key;
    if (isHeld && binding.key !== key) {
      return `the port ${port} belongs to the running guest ${binding.guest}`;
    }
    const owner = desiredState.ofDevice(link);
    if (owner === undefined || owner.key === key) return undefined;
    return `the device ${link} belongs to the running guest ${owner.guest.name}`;
  };
}
