// The pure heart: from what guests should have and what the switch has to a list of steps.

import type { ErrorCode } from '../errors.ts';
import type { DesiredPort } from './desired.ts';
import { isOurs, NM_UUID_KEY, type Observed, type ObservedBridge, type ObservedPort } from './observed.ts';
import type { Step } from './steps.ts';

/** A port that cannot be made right now, and why; it is tried again later. */
export interface Hold {
  port: string;
  bridge: string;
  code: ErrorCode;
  reason: string;
}

export interface Plan {
  steps: Step[];
  holds: Hold[];
}

export interface PlanInput {
  desired: readonly DesiredPort[];
  observed: Observed;
  /** Which ports the plan may take away: those for which this is true and nothing is desired. */
  inScope: (port: string) => boolean;
  /** The other living guest that has the port already, if there is one. */
  takenBy: (desired: DesiredPort) => string | undefined;
  /** Bridges that may be made when they are missing. */
  creatableBridges: ReadonlySet<string>;
  /** Bridges to make whether or not a port asks for them. */
  ensureBridges: readonly string[];
  /** Bridges whose own interface is to be brought up again if it is down. */
  restoreBridges: readonly string[];
  /** Ports whose guest end has been set up since this agent started. */
  configured: ReadonlySet<string>;
  /** Profile UUIDs that a port's rows carry when NetworkManager holds it for us. */
  profileUuids: (desired: DesiredPort) => { port: string; interface: string };
}

/** Decides; touches nothing. Steps are in the order in which they must run. */
export function plan(input: PlanInput): Plan {
  const result: Plan = { steps: [], holds: [] };
  const wanted = new Map(input.desired.map((desired) => [desired.port, desired]));

  for (const port of input.observed.ports) {
    const desired = wanted.get(port.port);
    if (!isOurs(port.externalIds) || !input.inScope(port.port)) continue;
    if (desired !== undefined && input.takenBy(desired) !== undefined) continue;
    if (desired === undefined) {
      result.steps.push({ kind: 'detach_port', port, reason: 'no guest asks for it' });
    } else if (desired.interface !== port.interface || desired.bridge !== port.bridge) {
      const reason = `it holds ${port.interface} on ${port.bridge}, not ${desired.interface} on ${desired.bridge}`;
      result.steps.push({ kind: 'detach_port', port, reason });
    }
  }
  dropOrphanedProfiles(input, wanted, result);

  const bridgesToMake = new Set(input.ensureBridges.filter((name) => !input.observed.bridges.has(name)));
  for (const bridge of bridgesToMake) result.steps.push({ kind: 'create_bridge', bridge });
  for (const bridge of input.restoreBridges) {
    if (input.observed.bridgesDown.has(bridge)) result.steps.push({ kind: 'restore_bridge', bridge });
  }
  for (const desired of input.desired) planPort(desired, input, bridgesToMake, result);
  return result;
}

/** Profiles outlive their link (NetworkManager keeps an ovs-port profile active without a row). */
function dropOrphanedProfiles(
  input: PlanInput,
  wanted: ReadonlyMap<string, DesiredPort>,
  result: Plan,
): void {
  const detached = new Set(
    result.steps.flatMap((step) => (step.kind === 'detach_port' ? [step.port.port] : [])),
  );
  const orphans = new Map<string, { bridge: string; uuids: string[] }>();
  for (const profile of input.observed.profiles) {
    if (!input.inScope(profile.port) || detached.has(profile.port)) continue;
    if (wanted.get(profile.port)?.bridge === profile.bridge) continue;
    const key = `${profile.bridge}/${profile.port}`;
    const group = orphans.get(key) ?? { bridge: profile.bridge, uuids: [] };
    group.uuids.push(profile.uuid);
    orphans.set(key, group);
  }
  for (const [key, { bridge, uuids }] of orphans) {
    const port = key.slice(bridge.length + 1);
    result.steps.push({ kind: 'drop_profiles', port, bridge, uuids, reason: 'their port is gone' });
  }
}

function planPort(desired: DesiredPort, input: PlanInput, bridgesToMake: Set<string>, result: Plan): void {
  const bridge = input.observed.bridges.get(desired.bridge);
  const present = input.observed.links.has(desired.interface);
  const obstacle = obstacleTo(desired, input, bridge, present);
  if (obstacle !== undefined) {
    result.holds.push({ port: desired.port, bridge: desired.bridge, ...obstacle });
    return;
  }
  if (bridge === undefined && !bridgesToMake.has(desired.bridge)) {
    bridgesToMake.add(desired.bridge);
    result.steps.push({ kind: 'create_bridge', bridge: desired.bridge });
  }
  result.steps.push(...portSteps(desired, input, bridge, present));
}

/** Types of Interface rows that hold a kernel device somebody else made: not internal ports, patches or tunnels. */
const ADOPTABLE: ReadonlySet<string> = new Set(['', 'system']);

/** Why the port cannot be made now, or undefined. */
function obstacleTo(
  desired: DesiredPort,
  input: PlanInput,
  bridge: ObservedBridge | undefined,
  present: boolean,
): Pick<Hold, 'code' | 'reason'> | undefined {
  const owner = input.takenBy(desired);
  if (owner !== undefined) {
    return { code: 'name-taken', reason: `the port ${desired.port} belongs to the running guest ${owner}` };
  }
  if (bridge === undefined && !input.creatableBridges.has(desired.bridge)) {
    return { code: 'bridge-not-ours', reason: `there is no OVS bridge ${desired.bridge}` };
  }
  if (bridge !== undefined && bridge.networkManagerUuid === undefined) {
    return {
      code: 'bridge-not-ours',
      reason: `the bridge ${desired.bridge} does not belong to NetworkManager`,
    };
  }
  if (!present && desired.veth === undefined) {
    return { code: 'link-missing', reason: `there is no network device ${desired.interface}` };
  }
  const { ports } = input.observed;
  const namesake = ports.find((port) => port.port === desired.port);
  if (namesake && namesake.interface !== desired.interface && !isOurs(namesake.externalIds)) {
    return {
      code: 'name-taken',
      reason: `another port on ${namesake.bridge} has the name ${desired.port}`,
    };
  }
  const holder = ports.find((port) => port.interface === desired.interface);
  if (input.observed.bridges.has(desired.interface) || (holder && !ADOPTABLE.has(holder.type))) {
    const reason = `${desired.interface} belongs to the switch itself, it is no guest's device`;
    return { code: 'name-taken', reason };
  }
  if (holder && holder.bridge !== desired.bridge && !isOurs(holder.externalIds)) {
    return {
      code: 'name-taken',
      reason: `${desired.interface} is plugged into ${holder.bridge} by somebody else`,
    };
  }
  return undefined;
}

/** The steps for one port that nothing stands in the way of. */
function portSteps(
  desired: DesiredPort,
  input: PlanInput,
  bridge: ObservedBridge | undefined,
  present: boolean,
): Step[] {
  const steps: Step[] = [];
  const attach: Step = { kind: 'attach_port', desired };
  const { veth } = desired;
  const holder = input.observed.ports.find((port) => port.interface === desired.interface);
  if (veth !== undefined) {
    const offload = bridge === undefined || bridge.datapathType === 'netdev';
    const configure: Step = { kind: 'configure_guest', desired, veth, offload };
    if (!present || !input.observed.guestEnds.has(desired.port)) {
      return [
        ...freshVeth(desired, holder, present),
        { kind: 'create_veth', desired, veth },
        configure,
        attach,
      ];
    }
    if (!input.configured.has(desired.port)) steps.push(configure);
  }
  return [...steps, ...switchSteps(desired, input, holder, attach), ...offloadSteps(desired, input, bridge)];
}

/** What brings the link into the right port, if it is not there already. */
function switchSteps(
  desired: DesiredPort,
  input: PlanInput,
  holder: ObservedPort | undefined,
  attach: Step,
): Step[] {
  if (holder === undefined || holder.bridge !== desired.bridge) return [attach];
  if (holder.port === desired.port) return isRight(holder, desired, input) ? [] : [attach];
  return isOurs(holder.externalIds) ? [attach] : [{ kind: 'adopt_port', desired, from: holder }];
}

/** After the port: a guest whose offload cannot be turned off should still have its port. */
function offloadSteps(desired: DesiredPort, input: PlanInput, bridge: ObservedBridge | undefined): Step[] {
  const { peer } = desired;
  if (peer === undefined || bridge?.datapathType === 'system' || input.configured.has(desired.port))
    return [];
  return [{ kind: 'disable_offload', desired, peer }];
}

/** Clears away what is left of a pair whose inner end went with the container's former namespace. */
function freshVeth(desired: DesiredPort, holder: ObservedPort | undefined, present: boolean): Step[] {
  const reason = 'the container has another network namespace now';
  const steps: Step[] = [];
  if (holder !== undefined && isOurs(holder.externalIds)) {
    steps.push({ kind: 'detach_port', port: holder, reason });
  }
  if (present) {
    steps.push({ kind: 'delete_veth', interface: desired.interface, port: desired.port, reason });
  }
  return steps;
}

/** In OVSDB, opened by ovs-vswitchd, and held by the profiles that we would make. */
function isRight(port: ObservedPort, desired: DesiredPort, input: PlanInput): boolean {
  const uuids = input.profileUuids(desired);
  return (
    port.error === undefined &&
    port.ofport !== undefined &&
    port.ofport > 0 &&
    port.externalIds[NM_UUID_KEY] === uuids.port &&
    port.interfaceExternalIds[NM_UUID_KEY] === uuids.interface
  );
}
