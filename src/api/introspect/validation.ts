// The answer of `validate_bridge_connectivity`; pure.

import type { ValidationView } from '../answers/introspect.ts';
import type { Answered } from '../method.ts';
import { bridgeProblem } from './bridge-state.ts';
import type { ObservedSwitch } from './observed.ts';
import { portStates } from './port-state.ts';

export type BridgeValidation = Answered<ValidationView>;

export function bridgeValidation(
  name: string,
  observed: ObservedSwitch,
  hasProfile: boolean,
): BridgeValidation {
  const bridge = observed.bridges.find((one) => one.name === name);
  const active = bridge !== undefined && bridgeProblem(bridge, observed) === undefined;
  const ports = bridge === undefined ? [] : portStates(bridge, observed);
  return {
    bridge_active: active,
    bridge_synchronization: Object.fromEntries(
      ports.map(({ name: port, problem }) => [port, problem === undefined]),
    ),
    connectivity_preserved: active && ports.every(({ problem }) => problem === undefined),
    nm_connection_exists: hasProfile,
    ovs_bridge_exists: bridge !== undefined,
  };
}
