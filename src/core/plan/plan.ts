// The pure heart: from what guests should have and what the switch has to a list of steps.

import { portName } from '../guest/vmid.ts';
import { type Blocker, blockerOf } from './blockers.ts';
import { announcedWith, type DesiredPort } from './desired.ts';
import { type Choice, chooseDriver, presenceOf, type SwitchFacts, whyAway } from './driver-choice.ts';
import { type DriverName, driverTraits, ROWS_DRIVER } from './driver-names.ts';
import { keepNames } from './kept-names.ts';
import { isOurs, type Observed, type ObservedBridge, type ObservedPort } from './observed.ts';
import { keptBecause, type RecordOf } from './ownership.ts';
import type { PortSecurity } from './port-security.ts';
import type { Step } from './steps.ts';
import { type IsHeld, switchSteps } from './switch-steps.ts';

export type { Blocker } from './blockers.ts';

export interface Plan {
  steps: Step[];
  blockers: Blocker[];
}

export interface PlanInput {
  desired: readonly DesiredPort[];
  observed: Observed;
  /** What the choice of a driver depends on. */
  facts: SwitchFacts;
  /** Which ports the plan may take away: those for which this is true and nothing is desired. */
  inScope: (port: string) => boolean;
  /** Why the port or its device is another living guest's already, or undefined. */
  takenBy: (desired: DesiredPort) => string | undefined;
  /** Devices that we have noted for a port. */
  recordOf: RecordOf;
  /** Bridges that may be made when they are missing. */
  creatableBridges: ReadonlySet<string>;
  /** Bridges to make whether or not a port asks for them. */
  ensureBridges: readonly string[];
  /** Bridges whose own interface is to be brought up again if it is down. */
  restoreBridges: readonly string[];
  /** Ports whose guest end has been set up since this agent started. */
  configured: ReadonlySet<string>;
  isHeld: IsHeld;
  /** Why a container's NIC that vanished is not made anew yet. */
  recreateBlocker: (desired: DesiredPort) => Pick<Blocker, 'code' | 'reason' | 'until'> | undefined;
  /** What a port's rules would leave behind, see `ObservedPortSecurity`. */
  securityDigest: (desired: DesiredPort, portSecurity: PortSecurity, ofport: number) => string;
}

/** Decides; touches nothing. Steps are in the order in which they must run. */
export function plan(asked: PlanInput): Plan {
  const input = { ...asked, desired: keepNames(asked.desired, asked.observed) };
  const result: Plan = { steps: [], blockers: [] };
  const desiredByPort = new Map(input.desired.map((desired) => [desired.port, desired]));

  for (const port of input.observed.ports) planRemoval(port, desiredByPort.get(port.port), input, result);
  dropOrphanedProfiles(input, desiredByPort, result);
  dropOrphanedSecurity(input, desiredByPort, result);
  dropStrayVeths(input, desiredByPort, result);

  const bridgesToMake = new Set<string>();
  for (const name of input.ensureBridges) {
    if (!input.observed.bridges.has(name)) planBridge(name, input, bridgesToMake, result);
  }
  for (const bridge of input.restoreBridges) {
    const choice = choiceFor(bridge, input);
    if (!input.observed.bridgesDown.has(bridge) || !('driver' in choice)) continue;
    result.steps.push({ kind: 'restore_bridge', bridge, driver: choice.driver });
  }
  for (const desired of input.desired) planPort(desired, input, bridgesToMake, result);
  return result;
}

function choiceFor(name: string, { observed, facts }: PlanInput): Choice {
  return chooseDriver(name, observed.bridges.get(name), observed.linuxBridges.has(name), facts);
}

/** A port of ours that nobody asks for any more, or that holds another NIC than the one asked for. */
function planRemoval(
  port: ObservedPort,
  desired: DesiredPort | undefined,
  input: PlanInput,
  result: Plan,
): void {
  if (!isOurs(port.externalIds) || !input.inScope(port.port)) return;
  if (desired !== undefined && input.takenBy(desired) !== undefined) return;
  if (desired?.interface === port.interface && desired.bridge === port.bridge) return;
  if (keptBecause(port, input.observed, input.recordOf) !== undefined) return;
  const reason =
    desired === undefined
      ? 'no guest asks for it'
      : `it holds ${port.interface} on ${port.bridge}, not ${desired.interface} on ${desired.bridge}`;
  // Proxmox takes its own port away; one whose device is gone it has forgotten, and one that it found no name for, too.
  const isForgotten =
    !input.observed.links.has(port.interface) || input.observed.leftByProxmox.has(port.interface);
  if (port.row !== port.port && !isForgotten) {
    result.steps.push({ kind: 'release_port', port, reason });
    return;
  }
  const { title, program } = driverTraits(port.driver);
  const presence = presenceOf(port.driver, input.facts);
  if (program === undefined || presence === 'ready') {
    result.steps.push({ kind: 'detach_port', port, reason });
  } else if (!input.observed.links.has(port.interface)) {
    // Without its device it is only in the way of the guest's next start. The program that is away has nothing to say to that.
    result.steps.push({ kind: 'detach_port', port: { ...port, driver: ROWS_DRIVER }, reason });
  } else {
    const waits = `${title}, which has to take ${port.port} away, ${whyAway(presence)}`;
    result.blockers.push({ port: port.port, bridge: port.bridge, code: program.away, reason: waits });
  }
}

/** Profiles outlive their link (NetworkManager keeps an ovs-port profile active without a row). */
function dropOrphanedProfiles(
  input: PlanInput,
  desiredByPort: ReadonlyMap<string, DesiredPort>,
  result: Plan,
): void {
  const detached = new Set(
    result.steps.flatMap((step) => (step.kind === 'detach_port' ? [step.port.port] : [])),
  );
  const orphans = new Map<string, { driver: DriverName; bridge: string; port: string; uuids: string[] }>();
  for (const profile of input.observed.profiles) {
    if (!input.inScope(profile.port) || detached.has(profile.port)) continue;
    if (desiredByPort.get(profile.port)?.bridge === profile.bridge) continue;
    const { driver, bridge, port } = profile;
    const key = `${driver}/${bridge}/${port}`;
    const group = orphans.get(key) ?? { driver, bridge, port, uuids: [] };
    group.uuids.push(profile.uuid);
    orphans.set(key, group);
  }
  for (const orphan of orphans.values())
    result.steps.push({ kind: 'drop_profiles', ...orphan, reason: 'their port is gone' });
}

/** After the port itself: a port that is still there must not be without its rules. */
function dropOrphanedSecurity(
  { observed, inScope }: PlanInput,
  desiredByPort: ReadonlyMap<string, DesiredPort>,
  result: Plan,
): void {
  for (const [vmid, { bridge }] of observed.portSecurity) {
    const port = portName(vmid);
    const desired = desiredByPort.get(port);
    if (!inScope(port) || (desired?.portSecurity !== undefined && desired.bridge === bridge)) continue;
    const isBlocked = result.blockers.some((blocker) => blocker.port === port);
    if (!isBlocked)
      result.steps.push({ kind: 'unguard_port', port, bridge, vmid, reason: 'its port is gone' });
  }
}

/** The container has ended before its NIC was in it; what is in a container goes with it by itself. */
function dropStrayVeths(
  { observed, inScope }: PlanInput,
  desiredByPort: ReadonlyMap<string, DesiredPort>,
  result: Plan,
): void {
  for (const link of observed.parked) {
    if (!inScope(link) || desiredByPort.has(link) || !observed.links.has(link)) continue;
    const isBlocked = result.blockers.some((blocker) => blocker.port === link);
    const reason = 'its container has ended';
    if (!isBlocked) result.steps.push({ kind: 'delete_veth', interface: link, port: link, reason });
  }
}

/** Makes a missing bridge once, or says what keeps it from being made. */
function planBridge(name: string, input: PlanInput, bridgesToMake: Set<string>, result: Plan): void {
  if (bridgesToMake.has(name)) return;
  const choice = choiceFor(name, input);
  if ('driver' in choice) {
    bridgesToMake.add(name);
    result.steps.push({ kind: 'create_bridge', bridge: name, driver: choice.driver });
  } else result.blockers.push({ port: name, bridge: name, ...choice.obstacle });
}

function planPort(desired: DesiredPort, input: PlanInput, bridgesToMake: Set<string>, result: Plan): void {
  const bridge = input.observed.bridges.get(desired.bridge);
  const present = input.observed.links.has(desired.interface);
  const choice = choiceFor(desired.bridge, input);
  const obstacle = blockerOf(desired, input, bridge, present, choice);
  if (obstacle !== undefined || !('driver' in choice)) {
    if (obstacle) result.blockers.push({ port: desired.port, bridge: desired.bridge, ...obstacle });
    return;
  }
  const recreateBlocker = hasNic(desired, input) ? undefined : input.recreateBlocker(desired);
  if (recreateBlocker !== undefined) {
    // A row without a NIC is of no use to anybody.
    result.steps.push(...withoutRow(holderOf(desired, input), input));
    result.blockers.push({ port: desired.port, bridge: desired.bridge, ...recreateBlocker });
    return;
  }
  if (bridge === undefined) planBridge(desired.bridge, input, bridgesToMake, result);
  result.steps.push(...portSteps(desired, input, bridge, present, choice));
}

/** Whether there is no NIC of ours to be made: one of somebody else's is there, or ours has both of its ends. */
function hasNic({ veth, interface: link, port }: DesiredPort, { observed }: PlanInput): boolean {
  return veth === undefined || (observed.links.has(link) && observed.guestEnds.has(port));
}

const holderOf = (desired: DesiredPort, { observed }: PlanInput): ObservedPort | undefined =>
  observed.ports.find((port) => port.interface === desired.interface);

/** The steps for one port that nothing stands in the way of. */
function portSteps(
  desired: DesiredPort,
  input: PlanInput,
  bridge: ObservedBridge | undefined,
  present: boolean,
  { driver }: Extract<Choice, { driver: unknown }>,
): Step[] {
  const steps: Step[] = [];
  const { veth } = desired;
  const holder = holderOf(desired, input);
  if (veth !== undefined) {
    const offload = bridge === undefined || bridge.datapathType === 'netdev';
    const configure: Step = { kind: 'configure_guest', desired, veth, offload };
    if (!hasNic(desired, input)) {
      const fresh = freshVeth(desired, holder, present, input);
      const create: Step = { kind: 'create_veth', desired, veth, offload };
      const attach: Step = { kind: 'attach_port', desired, driver };
      // Its inner end comes up last: a guest that is not trusted sends nothing before its rules stand.
      const security = securitySteps(desired, undefined, input);
      return security.length === 0
        ? [...fresh, create, configure, attach]
        : [...fresh, create, attach, ...security, configure, ...announcement(desired)];
    }
    if (!input.configured.has(desired.port)) steps.push(configure, ...announcement(desired));
  }
  const plugging = switchSteps(desired, holder, driver, input.isHeld);
  const security = securitySteps(desired, plugging.length === 0 ? holder?.ofport : undefined, input);
  const inOrder = security.length === 0 ? [...steps, ...plugging] : [...plugging, ...security, ...steps];
  return [...inOrder, ...peerSteps(desired, input, bridge)];
}

/** @param ofport the port's OpenFlow number, undefined when it is about to get one */
function securitySteps(
  desired: DesiredPort,
  ofport: number | undefined,
  { observed, securityDigest }: PlanInput,
): Step[] {
  const { portSecurity } = desired;
  if (portSecurity === undefined) return [];
  const present = observed.portSecurity.get(desired.guest.vmid);
  const isRight =
    ofport !== undefined &&
    present?.bridge === desired.bridge &&
    present.ofport === ofport &&
    present.digest === securityDigest(desired, portSecurity, ofport);
  return isRight ? [] : [{ kind: 'guard_port', desired, portSecurity }];
}

/**
 * Who asked for the address while it was away asks again once a second (RFC 4861 §10, RetransTimer; Linux does so for ARP,
 * too): the guest would be reached that much later than it is there. A shared address had another holder before.
 */
function announcement(desired: DesiredPort): Step[] {
  const addresses = announcedWith(desired);
  return addresses.length === 0 ? [] : [{ kind: 'announce_addresses', desired, addresses }];
}

/**
 * After the port: a guest whose offload cannot be turned off should still have its port. A neighbour that spoke with the
 * guest's run before goes on sending to the MAC of then, for half a minute and more (RFC 4861 §7.3.2; Linux's ARP, too).
 */
function peerSteps(desired: DesiredPort, input: PlanInput, bridge: ObservedBridge | undefined): Step[] {
  const { peer } = desired;
  const announces = announcedWith(desired);
  if (peer === undefined || input.configured.has(desired.port)) return [];
  const steps: Step[] = [];
  if (bridge?.datapathType !== 'system') steps.push({ kind: 'disable_offload', desired, peer });
  if (announces.length > 0) steps.push({ kind: 'announce_addresses', desired, addresses: announces });
  return steps;
}

const INNER_END_GONE = 'its other end is not in the container any more';

/** Clears away what is left of a pair whose inner end went with the container's former namespace. */
function freshVeth(
  desired: DesiredPort,
  holder: ObservedPort | undefined,
  present: boolean,
  input: PlanInput,
): Step[] {
  const steps = withoutRow(holder, input);
  if (present) {
    steps.push({
      kind: 'delete_veth',
      interface: desired.interface,
      port: desired.port,
      reason: INNER_END_GONE,
    });
  }
  return steps;
}

function withoutRow(holder: ObservedPort | undefined, { observed, recordOf }: PlanInput): Step[] {
  if (holder === undefined || keptBecause(holder, observed, recordOf) !== undefined) return [];
  return [{ kind: 'detach_port', port: holder, reason: INNER_END_GONE }];
}
