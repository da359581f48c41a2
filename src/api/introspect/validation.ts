// The answer of `validate_bridge_connectivity`; pure.

import type { ValidationView } from '../answers/introspect.ts';
import type { Said } from '../method.ts';
import { bridgeProblem } from './bridge-state.ts';
import type { SeenSwitch } from './observed.ts';
import { portStates } from './port-state.ts';

export type BridgeValidation = Said<ValidationView>;

export function bridgeValidation(name: string, seen: SeenSwitch, hasProfile: boolean): BridgeValidation {
  const bridge = seen.bridges.find((one) => one.name === name);
  const active = bridge !== undefined && bridgeProblem(bridge, seen) === undefined;
  const ports = bridge === undefined ? [] : portStates(bridge, seen);
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
