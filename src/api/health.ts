// The agent's own state as the one judgement of health wants to see it.

import type { Config } from '../core/config/config.ts';
import type { SwitchDrivers } from '../core/drivers/driver.ts';
import { observeBridges, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { isLinuxBridge, isUpWith, type LinkState, linkState } from '../core/kernel/links.ts';
import type { CheckpointStatus, Checkpoints } from '../core/ledger/checkpoint/checkpoints.ts';
import type { EpochNote } from '../core/ledger/checkpoint/epoch-note.ts';
import type { FirstBad, Loss } from '../core/ledger/index.ts';
import type { SegmentChange } from '../core/ledger/segment-watch.ts';
import type { Answer } from '../core/lib/answer.ts';
import type { PolledDirectory } from '../core/lib/watch.ts';
import { vswitchdProblem } from '../core/ovsdb/ask-vswitchd.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { chooseDriver, type SwitchFacts } from '../core/plan/driver-choice.ts';
import type { ObservedBridge } from '../core/plan/observed.ts';
import type { PortFacts } from '../diagnose/explain/facts.ts';
import { joinPort } from '../diagnose/explain/join.ts';
import {
  type BridgeView,
  type HealthFault,
  type HealthView,
  healthOf,
  healthWord,
  portHealth,
  type Unread,
} from '../diagnose/health.ts';
import type { GapView } from '../diagnose/ledger-faults.ts';
import type { Binding, DesiredState } from '../state/desired-state.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import type { WitnessClient } from '../witness/client/client.ts';
import type { Cluster } from '../witness/cluster/exchange.ts';

export interface HealthParts {
  config: Config;
  bootId: string;
  desiredState: DesiredState;
  pendingRetries: PendingRetries;
  facts: { current(): SwitchFacts };
  ovsdb: OvsdbClient;
  drivers: SwitchDrivers;
  /** `/run/openvswitch`. */
  switchDirectory: string;
  /** What the ledger lost, what of it does not hold, and what could not be written. */
  book: {
    loss(): Loss | undefined;
    broken(): FirstBad | undefined;
    gap(): GapView | undefined;
  };
  polled: () => readonly PolledDirectory[];
  withdrawn: () => number;
  checkpoints: Pick<Checkpoints, 'status'>;
  /** Why the ledger's epoch began. */
  epoch: () => EpochNote | undefined;
  /** What others did to the ledger's sealed segments. */
  segments: { changed(): readonly SegmentChange[] };
  /** Whom the ledger's checkpoints are shown to. */
  witnesses: Pick<WitnessClient, 'states'> & Pick<Cluster, 'problems'>;
  /** What keeps public addresses from being reached, one line each. */
  unreached: () => readonly string[];
}

export interface AgentHealth {
  /** Everything that is wrong now. */
  faults(): Promise<HealthFault[]>;
  /** `ok`, or what is wrong first, for each port that guests have. */
  ofPorts(): Promise<ReadonlyMap<string, string>>;
}

/** A large reconfiguration keeps ovs-vswitchd from answering for a second or so. */
const SWITCH_MS = 2500;

export function openHealth(parts: HealthParts): AgentHealth {
  const observe = async (): Promise<HealthView> => {
    const { config, desiredState } = parts;
    const unreachable = parts.facts.current().unreachable;
    const switchProblem = unreachable ? undefined : await vswitchdProblem(parts.switchDirectory, SWITCH_MS);
    const bindings = desiredState.bindings();
    return {
      ovsdbProblem: unreachable?.reason,
      switchProblem,
      bridges: unreachable ? [] : await bridgeViews(parts),
      ports: unreachable ? [] : await portViews(parts, bindings, switchProblem),
      ledger: {
        path: config.ledger.path,
        loss: parts.book.loss(),
        broken: parts.book.broken(),
        gap: parts.book.gap(),
        epoch: parts.epoch(),
        changed: parts.segments.changed(),
        unsigned: unsignedFor(parts.checkpoints.status()),
      },
      witnesses: {
        states: parts.witnesses.states(),
        peers: parts.witnesses.problems(),
        everySeconds: Math.max(config.ledger.heartbeat, config.ledger.checkpoint_interval),
      },
      now: Date.now(),
      polled: parts.polled(),
      withdrawn: parts.withdrawn(),
      unreached: parts.unreached(),
      unread: unreadIn(parts),
    };
  };
  return {
    faults: async () => healthOf(await observe()),
    async ofPorts() {
      const { ports, ovsdbProblem } = await observe();
      if (ovsdbProblem !== undefined)
        return new Map(parts.desiredState.bindings().map(({ port }) => [port, 'ovsdb-unreachable']));
      return new Map(ports.map((port) => [port.port, healthWord(portHealth(port))]));
    },
  };
}

function unreadIn({ ovsdb, desiredState }: HealthParts): Unread[] {
  return [
    ...ovsdb.replica.problems().map(({ table, uuid, text }) => ({
      text,
      remedy: `Look at it: ovs-vsctl list ${table} ${uuid}. Is this Open vSwitch newer than the agent?`,
    })),
    ...desiredState.damaged().map((path) => ({
      text: `${path} is not understood and was left out`,
      remedy: `Is the port of that name right (ovs-port-agent list)? Then delete the file: rm ${path}`,
    })),
  ];
}

async function bridgeViews({
  config,
  desiredState,
  ovsdb,
  drivers,
  facts,
}: HealthParts): Promise<BridgeView[]> {
  const found = observeBridges(ovsdb.replica);
  const desiredBridges = desiredState.all().flatMap(({ ports }) => ports.map(({ bridge }) => bridge));
  const names = new Set([...Object.keys(config.bridges), ...desiredBridges]);
  const views = [...names].sort().map(async (name): Promise<BridgeView> => {
    const bridge = found.get(name);
    const own = ovsdb.replica.named('Interface', name);
    const choice = chooseDriver(name, bridge, isLinuxBridge(name), facts.current());
    const addresses = config.bridges[name]?.addresses ?? [];
    return {
      name,
      present: bridge !== undefined,
      desiredPorts: desiredBridges.filter((one) => one === name).length,
      isMade: config.bridges[name]?.create === true,
      obstacle: 'obstacle' in choice ? choice.obstacle : undefined,
      error: own?.error,
      isDown: bridge !== undefined && isMadeByUs(bridge, drivers) && !(await isUpWith(name, addresses)),
    };
  });
  return Promise.all(views);
}

const isMadeByUs = (bridge: ObservedBridge, drivers: SwitchDrivers) =>
  Object.values(drivers).some((driver) => driver.owns(bridge));

async function portViews(
  { bootId, ovsdb, pendingRetries }: HealthParts,
  bindings: readonly Binding[],
  switchProblem: string | undefined,
): Promise<PortFacts[]> {
  const ports = observePorts(ovsdb.replica);
  const links = new Map<string, LinkState>();
  for (const link of new Set(bindings.map((binding) => binding.interface))) {
    const state = await linkState(link);
    if (state) links.set(link, state);
  }
  const waiting = pendingRetries.all();
  const switchAnswer: Answer<string> =
    switchProblem === undefined ? { ok: true, value: '' } : { ok: false, reason: switchProblem };
  const host = {
    bootId,
    links,
    bindings: [],
    ovsdb: {
      ok: true,
      value: { datapathTypes: [], bridges: [...observeBridges(ovsdb.replica).values()], ports },
    },
    vswitchd: switchAnswer,
    agent: { ok: true, value: { ready: true, waiting } },
    networkManager: { ok: false, reason: 'not asked' },
    proxmox: { tree: { state: 'absent' } },
  } as const;
  return bindings.map((binding) => {
    const { vmid, nic, guest: name, runtime, interface: link, bridge, row, vlan } = binding;
    return joinPort({ vmid, nic }, host, {
      guest: { name, runtime },
      desired: {
        interface: link,
        bridge,
        from: 'binding file',
        ...(row !== undefined && { row }),
        ...(vlan && {
          vlan: {
            trunks: vlan.trunks,
            ...(vlan.tag !== undefined && { tag: vlan.tag }),
            ...(vlan.mode !== undefined && { mode: vlan.mode }),
          },
        }),
      },
      firewall: false,
      pending: false,
      running: true,
      skipped: [],
    });
  });
}

/** Why the ledger's head is not signed; what is no error of ours is one of the disk that holds it. */
function unsignedFor({ problem, problemCode }: CheckpointStatus) {
  return problem === undefined ? undefined : { text: problem, code: problemCode ?? 'ledger-write-failed' };
}
