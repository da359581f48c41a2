// One look at the host for the introspection methods: NetworkManager, OVSDB's replica, sysfs, routes.

import type { Bus } from '../../core/bus/bus.ts';
import { bridgeTrees, type OvsBridge } from '../../core/drivers/ovsdb/bridge-tree.ts';
import { observeBridges } from '../../core/drivers/ovsdb/observe.ts';
import { type OperState, operState } from '../../core/kernel/links.ts';
import { defaultRoutes } from '../../core/kernel/routes.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { Exec } from '../../core/lib/exec.ts';
import type { NetworkManager } from '../../core/networkmanager/networkmanager.ts';
import { networkManagerOverview, type ProfileName, profileName } from '../../core/networkmanager/overview.ts';
import type { OvsdbClient } from '../../core/ovsdb/client.ts';
import { chooseDriver } from '../../core/plan/driver-choice.ts';
import type { SwitchFactsKeeper } from '../../reconcile/switch-facts.ts';
import type { DesiredState } from '../../state/desired-state.ts';
import type { AgentHealth } from '../health.ts';
import { ownerOf } from '../status.ts';
import type { ObservedHost, ObservedSwitch } from './observed.ts';
import type { BridgeDriver } from './topology.ts';

export interface GatherParts {
  bus: Bus;
  networkManager: NetworkManager;
  ovsdb: OvsdbClient;
  desiredState: DesiredState;
  facts: SwitchFactsKeeper;
  exec: Exec;
  bindingsDir: string;
  health: Pick<AgentHealth, 'faults'>;
}

export async function observeHost(parts: GatherParts): Promise<ObservedHost> {
  const [networkManager, found, routes] = await Promise.all([
    networkManagerOverview(parts.bus),
    parts.ovsdb.connected ? observeSwitch(parts) : undefined,
    defaultRoutes(parts.exec).catch(() => undefined),
  ]);
  const device = routes?.[0]?.device;
  return {
    now: new Date(),
    networkManager,
    switch: found,
    bindings: parts.desiredState.bindings(),
    routes,
    uplink: device === undefined ? undefined : await operState(device),
    bindingsDir: parts.bindingsDir,
  };
}

/** Throws `ovsdb-unreachable`: what OVSDB said before the connection was lost is not the truth now. */
export async function observeSwitch({ ovsdb, desiredState, health }: GatherParts): Promise<ObservedSwitch> {
  if (!ovsdb.connected) throw new AgentError('ovsdb-unreachable', 'The OVSDB server is not connected');
  const bridges = bridgeTrees(ovsdb.replica);
  const names = bridges.flatMap(({ name, ports }) => [
    name,
    ...ports.flatMap(({ interfaces }) => interfaces.map((link) => link.name)),
  ]);
  const links = new Map<string, OperState>();
  for (const name of names) {
    const state = await operState(name);
    if (state) links.set(name, state);
  }
  const [root] = ovsdb.replica.rows('Open_vSwitch').values();
  return {
    judged: await health.faults(),
    version: root?.ovs_version,
    bridges,
    links,
    bindings: desiredState.bindings(),
  };
}

/** Who owns an existing bridge, and who works on it for us. */
export async function bridgeDriver({ ovsdb, facts }: GatherParts, name: string): Promise<BridgeDriver> {
  await facts.refresh();
  const bridge = observeBridges(ovsdb.replica).get(name);
  const choice = chooseDriver(name, bridge, false, facts.current());
  return {
    owner: ownerOf(name, bridge, facts.current()),
    driver: 'driver' in choice ? choice.driver : null,
    obstacle: 'obstacle' in choice ? choice.obstacle.reason : null,
  };
}

/** NetworkManager's profile of a bridge: the one the row names, else one for a bridge of this name. */
export async function bridgeProfile(
  { bus, networkManager }: GatherParts,
  name: string,
  bridge: OvsBridge | undefined,
): Promise<ProfileName | undefined> {
  const named = bridge?.networkManagerUuid;
  const profile = named === undefined ? undefined : await profileName(bus, named);
  if (profile) return profile;
  if (!(await networkManager.state()).running) return undefined;
  const other = (await networkManager.profiles()).find(
    ({ type, interfaceName }) => type === 'ovs-bridge' && interfaceName === name,
  );
  return other && profileName(bus, other.uuid);
}
