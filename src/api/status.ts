// What `status` says: how the daemons we need are, who drives each bridge, what waits and why, where the ledger stands.

import type { Config } from '../core/config/config.ts';
import { observeBridges } from '../core/drivers/ovsdb/observe.ts';
import type { Host } from '../core/kernel/host.ts';
import { isLinuxBridge } from '../core/kernel/links.ts';
import type { CheckpointStatus, Checkpoints } from '../core/ledger/checkpoint/checkpoints.ts';
import type { Ledger } from '../core/ledger/index.ts';
import type { ErrorCode } from '../core/lib/errors.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { chooseDriver, type SwitchFacts } from '../core/plan/driver-choice.ts';
import { keeperOfRow } from '../core/plan/driver-names.ts';
import { isOurBridge, type ObservedBridge } from '../core/plan/observed.ts';
import type { SpoolAbsorber } from '../reconcile/absorb-spool.ts';
import type { SwitchFactsKeeper } from '../reconcile/switch-facts.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import type { StatusDocument } from './answers/status.ts';
import type { AgentHealth } from './health.ts';
import type { Answered } from './method.ts';

export interface StatusParts {
  config: Config;
  host: Host;
  startedAt: string;
  version: string;
  ledger: Ledger;
  checkpoints: Pick<Checkpoints, 'status'>;
  desiredState: DesiredState;
  pendingRetries: PendingRetries;
  spool: SpoolAbsorber;
  dockerConnected: boolean;
  facts: SwitchFactsKeeper;
  ovsdb: OvsdbClient;
  health: Pick<AgentHealth, 'faults'>;
  /** What is said of Netmaker's containers. */
  netmaker: Answered<StatusDocument>['netmaker'];
  /** When the configuration was read, and what of it waits for a restart. */
  configuration: Answered<StatusDocument>['configuration'];
  /** Why Proxmox's changes of running containers are not seen in time. */
  locksProblem: string | undefined;
}

interface Obstacle {
  code: ErrorCode;
  reason: string;
}

export async function statusReport(parts: StatusParts): Promise<Answered<StatusDocument>> {
  const { config, host, ledger, desiredState, ovsdb } = parts;
  const state = await parts.facts.refresh();
  const facts = parts.facts.current();
  const found = observeBridges(ovsdb.replica);
  const bindings = desiredState.bindings();
  const names = new Set([...Object.keys(config.bridges), ...bindings.map(({ bridge }) => bridge)]);
  const bridges = [...names].map((name) => {
    const bridge = found.get(name);
    const choice = chooseDriver(name, bridge, isLinuxBridge(name), facts);
    return {
      name,
      present: bridge !== undefined,
      datapath_type: bridge?.datapathType ?? null,
      owner: ownerOf(name, bridge, facts),
      driver: 'driver' in choice ? choice.driver : null,
      obstacle: 'obstacle' in choice ? choice.obstacle : null,
      ports: bindings.filter((binding) => binding.bridge === name).length,
    };
  });
  const health = await parts.health.faults();
  const silent = health.find(({ fault }) => fault === 'vswitchd-unreachable');
  // What keeps everything from being done counts more than a bridge.
  const obstacle: Obstacle | undefined =
    facts.unreachable ??
    (silent && { code: 'vswitchd-unreachable', reason: silent.text }) ??
    bridges.find((bridge) => bridge.obstacle !== null)?.obstacle ??
    undefined;
  return {
    hostname: host.hostname,
    pid: process.pid,
    since: parts.startedAt,
    version: parts.version,
    ready: obstacle === undefined,
    obstacle: obstacle?.reason ?? null,
    obstacle_code: obstacle?.code ?? null,
    driver: config.driver,
    networkmanager: { running: state.running, silent: state.silent, version: state.version, ovs: state.ovs },
    ovsdb: { connected: ovsdb.connected },
    docker: { enabled: config.docker.enabled, connected: parts.dockerConnected },
    netmaker: parts.netmaker,
    configuration: parts.configuration,
    proxmox: { locks_problem: parts.locksProblem ?? null },
    bridges: bridges.map(({ obstacle: reason, ...rest }) => ({ ...rest, obstacle: reason?.reason ?? null })),
    ports: bindings.length,
    waiting: parts.pendingRetries.all(),
    health,
    spooled: await parts.spool.waiting(),
    ledger: {
      path: config.ledger.path,
      ...ledger.head(),
      checkpoint: checkpointOf(parts.checkpoints.status()),
    },
  };
}

function checkpointOf({ origin, epoch, key, size, at, problem }: CheckpointStatus) {
  return {
    ...{ origin: origin ?? null, epoch: epoch ?? null, key: key ?? null },
    ...{ size: size ?? null, at: at ?? null, problem: problem ?? null },
  };
}

/** Who makes the bridge anew after a boot, and so may change it. */
export function ownerOf(
  name: string,
  bridge: ObservedBridge | undefined,
  { declared }: SwitchFacts,
): string | null {
  if (bridge === undefined) return null;
  const keeper = keeperOfRow(bridge.externalIds);
  if (keeper !== undefined) return keeper;
  if (isOurBridge(bridge)) return 'ovs-port-agent';
  return declared.has(name) ? 'ifupdown' : 'other';
}
