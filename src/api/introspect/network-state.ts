// The answer of `get_system_network_state`; pure. Null stands for what cannot be known here.

import { join } from 'node:path';
import type { NetworkManagerOverview } from '../../core/networkmanager/overview.ts';
import type { Binding } from '../../state/desired-state.ts';
import { type InterfaceBinding, interfaceBinding } from '../../state/interface-binding.ts';
import type { NetworkStateView } from '../answers/introspect.ts';
import type { Answered } from '../method.ts';
import { bridgeProblem } from './bridge-state.ts';
import type { ObservedHost, ObservedSwitch } from './observed.ts';

export type NetworkState = Answered<NetworkStateView>;

export function networkState(observed: ObservedHost): NetworkState {
  const { networkManager: nm } = observed;
  return {
    networkmanager: {
      version: nm?.version ?? null,
      state: nm?.state ?? 'absent',
      connectivity: nm?.connectivity ?? null,
      active_connections: nm?.activeConnections ?? 0,
      total_connections: nm?.totalConnections ?? 0,
      devices: nm?.devices ?? 0,
    },
    ovs_bridges: observed.switch === undefined ? null : bridgesOf(observed.switch),
    interface_bindings: interfaceBindings(observed.bindings, observed.bindingsDir),
    connectivity_status: {
      internet_reachable: internetReachable(nm),
      dns_working: dnsWorking(nm),
      default_route: defaultRoute(observed),
      uplink_status: uplinkStatus(observed),
    },
    timestamp: observed.now.toISOString(),
  };
}

/** By the name of the port, which is the NIC's name on the switch. */
export function interfaceBindings(
  bindings: readonly Binding[],
  directory: string,
): Record<string, InterfaceBinding> {
  return Object.fromEntries(
    [...bindings]
      .sort((a, b) => a.vmid - b.vmid || a.nic - b.nic)
      .map((binding) => [binding.port, interfaceBinding(binding, join(directory, `${binding.port}.json`))]),
  );
}

function bridgesOf(observed: ObservedSwitch) {
  return observed.bridges.map((bridge) => {
    const guests = bridge.ports.filter(({ name }) => name !== bridge.name);
    return {
      name: bridge.name,
      ports: guests.map(({ name }) => name),
      interfaces: guests.flatMap(({ interfaces }) => interfaces.map(({ name }) => name)),
      active: bridgeProblem(bridge, observed) === undefined,
      datapath_type: bridge.datapathType,
    };
  });
}

/** The agent sends nothing to the internet itself: it knows what NetworkManager has found out by asking, if it asks. */
function internetReachable(nm: NetworkManagerOverview | undefined): boolean | null {
  if (!nm?.checksConnectivity || nm.connectivity === 'unknown') return null;
  return nm.connectivity === 'full';
}

/** A check that went well has looked its server up; one that failed may have failed for another reason. */
function dnsWorking(nm: NetworkManagerOverview | undefined): boolean | null {
  return internetReachable(nm) === true && nm?.checkNeedsDns ? true : null;
}

function defaultRoute({ routes }: ObservedHost): string | null {
  if (routes === undefined) return null;
  const [first] = routes;
  if (first === undefined) return 'none';
  return `${first.gateway === undefined ? '' : `via ${first.gateway} `}dev ${first.device}`;
}

function uplinkStatus({ routes, uplink }: ObservedHost): string | null {
  if (routes === undefined) return null;
  const [first] = routes;
  return first === undefined ? 'none' : `${first.device} ${uplink?.operstate ?? 'missing'}`;
}
