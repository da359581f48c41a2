// The operations of `atomic_bridge_operation`.

import type { Bus } from '../../core/bus/bus.ts';
import { observeBridges } from '../../core/drivers/ovsdb/observe.ts';
import type { PortReport } from '../../core/events/event-result.ts';
import { runtimeNameOf } from '../../core/guest/runtimes.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { createBridgeCheckpoint } from '../../core/networkmanager/checkpoint.ts';
import type { NetworkManager } from '../../core/networkmanager/networkmanager.ts';
import type { OvsdbClient } from '../../core/ovsdb/client.ts';
import { whyAway } from '../../core/plan/driver-choice.ts';
import { NM_UUID_KEY } from '../../core/plan/driver-names.ts';
import type { DesiredState } from '../../state/desired-state.ts';
import type { BridgeValidation } from './validation.ts';

export const OPERATIONS = ['create_checkpoint', 'validate_topology', 'sync_with_proxmox'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface OperationParts {
  bus: Bus;
  networkManager: NetworkManager;
  ovsdb: OvsdbClient;
  desiredState: DesiredState;
  reconcile: (reason: string) => Promise<PortReport[]>;
  validate: (bridge: string) => Promise<BridgeValidation>;
}

/** The sentence that says what was done. Throws what kept it from being done. */
export async function runOperation(
  parts: OperationParts,
  operation: Operation,
  bridge: string,
  user: string,
): Promise<string> {
  if (operation === 'validate_topology') {
    const { connectivity_preserved: fine } = await parts.validate(bridge);
    return `Topology validation: ${fine ? 'PASSED' : 'FAILED'}`;
  }
  demandBridge(parts.ovsdb, bridge);
  if (operation === 'create_checkpoint') return `Checkpoint created: ${await checkpoint(parts, bridge)}`;
  const count = await syncProxmox(parts, bridge, `sync_with_proxmox asked for by ${user}`);
  return `Proxmox sync: Synchronized ${count} interfaces with Proxmox`;
}

/** Throws `ovsdb-unreachable`, or `bad-argument` naming the bridges there are. */
export function demandBridge(ovsdb: OvsdbClient, bridge: string): void {
  if (!ovsdb.connected) throw new AgentError('ovsdb-unreachable', 'The OVSDB server is not connected');
  const names = [...observeBridges(ovsdb.replica).keys()].sort();
  if (names.includes(bridge)) return;
  const there = names.length === 0 ? 'there is none at all' : `there are ${names.join(', ')}`;
  throw new AgentError('bad-argument', `There is no OVS bridge ${JSON.stringify(bridge)}; ${there}`);
}

async function checkpoint(parts: OperationParts, bridge: string): Promise<string> {
  const { bus, networkManager, ovsdb } = parts;
  const { running, silent, ovs, version } = await networkManager.state();
  const away = `NetworkManager ${whyAway(silent ? 'silent' : 'expected')}`;
  if (!running) throw new AgentError('networkmanager-unavailable', away);
  if (!ovs) throw new AgentError('networkmanager-without-ovs', `NetworkManager ${version} has no OVS plugin`);
  if (observeBridges(ovsdb.replica).get(bridge)?.externalIds[NM_UUID_KEY] === undefined) {
    throw new AgentError(
      'bridge-not-ours',
      `NetworkManager does not own ${bridge}: it can restore nothing there`,
    );
  }
  return createBridgeCheckpoint(bus, bridge);
}

/** How many NICs of Proxmox guests are right on the bridge after a reconcile. Throws for one that is not. */
async function syncProxmox(parts: OperationParts, bridge: string, reason: string): Promise<number> {
  const reports = await parts.reconcile(reason);
  const isProxmox = (port: string) =>
    runtimeNameOf(parts.desiredState.ofPort(port)?.guest.runtime ?? '') === 'proxmox';
  const desiredPorts = parts.desiredState
    .all()
    .flatMap(({ ports }) => ports)
    .filter((desiredPort) => desiredPort.bridge === bridge && isProxmox(desiredPort.port));
  const right = desiredPorts.filter(({ port }) => {
    const state = reports.find((report) => report.port === port)?.state;
    return (state === 'attached' || state === 'unchanged') && parts.desiredState.binding(port) !== undefined;
  });
  if (right.length === desiredPorts.length) return right.length;
  const wrong = reports.find(
    ({ port, state }) =>
      (state === 'failed' || state === 'held') &&
      desiredPorts.some((desiredPort) => desiredPort.port === port),
  );
  const why = wrong ? `${wrong.port}: ${wrong.reason}` : 'the switch cannot be worked on now';
  throw new AgentError(
    wrong?.code ?? 'activation-failed',
    `Only ${right.length} of ${desiredPorts.length} interfaces of Proxmox guests on ${bridge} are right (${why})`,
  );
}
