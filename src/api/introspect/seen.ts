// What one look at the host found; the answers are made from it alone.

import type { OvsBridge } from '../../core/drivers/ovsdb/bridge-tree.ts';
import type { OperState } from '../../core/kernel/links.ts';
import type { DefaultRoute } from '../../core/kernel/routes.ts';
import type { NetworkManagerOverview } from '../../core/networkmanager/overview.ts';
import type { Binding } from '../../state/desired-state.ts';

export interface SeenSwitch {
  /** Whether ovs-vswitchd runs. OVSDB keeps what it wrote last when it does not. */
  vswitchd: boolean;
  version: string | undefined;
  bridges: readonly OvsBridge[];
  /** Devices of the host that rows name; one that is not here is not there. */
  links: ReadonlyMap<string, OperState>;
  /** The ports of guests that are usable by what the agent noted. */
  bindings: readonly Binding[];
}

export interface SeenHost {
  now: Date;
  /** Undefined when it is not on the bus. */
  networkManager: NetworkManagerOverview | undefined;
  /** Undefined while OVSDB is not connected: then nothing is known of bridges. */
  switch: SeenSwitch | undefined;
  bindings: readonly Binding[];
  /** Undefined when the kernel could not be asked. */
  routes: readonly DefaultRoute[] | undefined;
  /** The device of the first route. */
  uplink: OperState | undefined;
  /** Directory of the binding files. */
  bindingsDir: string;
}
