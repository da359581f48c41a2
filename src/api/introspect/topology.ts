// The answer of `get_bridge_topology`; pure.

import type { OvsBridge } from '../../core/drivers/ovsdb/bridge-tree.ts';
import { showBridge } from '../../core/drivers/ovsdb/show.ts';
import type { ProfileName } from '../../core/networkmanager/overview.ts';
import type { TopologyView } from '../answers/introspect.ts';
import type { Answered } from '../method.ts';
import { bridgeProblem } from './bridge-state.ts';
import type { ObservedSwitch } from './observed.ts';
import { type PortState, portStates } from './port-state.ts';

export type BridgeTopology = Answered<TopologyView>;
type PortDetails = BridgeTopology['details']['ports'][number];
export type BridgeDriver = Pick<BridgeTopology['details'], 'owner' | 'driver' | 'obstacle'>;

export function bridgeTopology(
  bridge: OvsBridge,
  observed: ObservedSwitch,
  profile: ProfileName | undefined,
  drivenBy: BridgeDriver,
): BridgeTopology {
  const rows = bridge.ports.filter(({ name }) => name !== bridge.name);
  const problem = bridgeProblem(bridge, observed);
  return {
    interfaces: rows.flatMap(({ interfaces }) => interfaces.map(({ name }) => name)),
    nm_connection: profile?.id ?? '',
    ovs_show: showBridge(bridge),
    ports: rows.map(({ name }) => name),
    details: {
      ...drivenBy,
      nm_connection_uuid: profile?.uuid ?? null,
      datapath_type: bridge.datapathType,
      ovs_version: observed.version ?? null,
      active: problem === undefined,
      problem: problem ?? null,
      ports: portStates(bridge, observed).map((state) => portDetails(state, observed)),
    },
  };
}

function portDetails({ name, row, binding, problem }: PortState, observed: ObservedSwitch): PortDetails {
  const interfaces = row?.interfaces ?? [];
  const [only, ...others] = interfaces;
  const single = others.length === 0 ? only : undefined;
  return {
    port: name,
    row: row?.name ?? null,
    interfaces: interfaces.map((link) => link.name),
    type: single === undefined ? null : single.type || 'system',
    tag: row?.tag ?? null,
    trunks: row?.trunks ?? [],
    vlan_mode: row?.mode ?? null,
    ofport: single?.ofport ?? null,
    error: interfaces.find(({ error }) => error !== undefined)?.error ?? null,
    operstate: observed.links.get(single?.name ?? '')?.operstate ?? null,
    guest: binding?.guest ?? null,
    vmid: binding?.vmid ?? null,
    nic: binding?.nic ?? null,
    runtime: binding?.runtime ?? null,
    driver: binding?.driver ?? null,
    since: binding?.since ?? null,
    problem: problem ?? null,
  };
}
