// Brings ports to what is desired: look, plan, and run each step between its intent and its outcome block.

import type { Config } from '../core/config/config.ts';
import type { PortReport } from '../core/events/event-result.ts';
import { parsePortName } from '../core/guest/vmid.ts';
import type { VethRequest } from '../core/kernel/veth-request.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { type AgentError, asAgentError } from '../core/lib/errors.ts';
import type { JsonObject } from '../core/lib/json.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { SwitchFacts } from '../core/plan/driver-choice.ts';
import { keepNames } from '../core/plan/kept-names.ts';
import type { Observed, ObservedPort } from '../core/plan/observed.ts';
import type { RecordOf } from '../core/plan/ownership.ts';
import { type Hold, type Plan, plan } from '../core/plan/plan.ts';
import type { PortGuard } from '../core/plan/port-security.ts';
import { type Executors, STEP_ACTIONS, type Step, subjectOf } from '../core/plan/steps.ts';
import type { Troubles } from '../state/pending-retries.ts';
import type { Look } from './observe.ts';
import type { Healings } from './recreate-backoff.ts';
import { stepData } from './step-data.ts';

export interface ConvergeParts {
  config: Config;
  ledger: Ledger;
  /** What the choice of a driver depends on. */
  facts: () => SwitchFacts;
  profileUuids: (desired: DesiredPort) => { port: string; interface: string };
  /** What a port's rules would leave behind. */
  guardDigest: (desired: DesiredPort, guard: PortGuard, ofport: number) => string;
  troubles: Troubles;
  healings: Healings;
  executors: Executors<JsonObject>;
  observe: (look: Look) => Promise<Observed>;
  /** Bridges are made one at a time, also when several guests need one at once. */
  bridgeQueue: KeyedQueue;
  /** Why the port or its device is another guest's than that of the claim `key`. */
  takenBy: (desired: DesiredPort, key: string | undefined) => string | undefined;
  /** Devices that were noted for a port. */
  recordOf: RecordOf;
  /** Names of the ports that OVSDB has at this moment. */
  presentPorts: () => ReadonlySet<string>;
  /** The port that has the device now. */
  holderOf: (link: string) => ObservedPort | undefined;
  /** Ports that were noted as usable. */
  bound: () => readonly { port: string; interface: string; bridge: string }[];
  onAttached: (desired: DesiredPort, data: JsonObject) => Promise<void>;
  onDetached: (port: string, data: JsonObject) => Promise<void>;
}

export interface ConvergeRequest {
  /** Whose claim the desired ports are. */
  key?: string;
  desired: readonly DesiredPort[];
  inScope: (port: string) => boolean;
  ensureBridges?: readonly string[];
  restoreBridges?: readonly string[];
  /** Whether to look for profiles whose port is gone; by default when nothing is desired. */
  withProfiles?: boolean;
  /** Height of the block that led here; asked for only when there is something to do. */
  cause: () => Promise<number>;
}

export type Converge = (request: ConvergeRequest) => Promise<PortReport[]>;

export interface Convergence {
  converge: Converge;
  /** For each request whether nothing is to be done, by one look at the switch for all of them. */
  settled(requests: readonly Omit<ConvergeRequest, 'cause'>[]): Promise<boolean[]>;
}

/** Ports whose inner end was set up since the agent started, and how. */
type Configured = Map<string, string>;

/** Tells one set-up of an inner end from another; for a veth that somebody else made only offload is turned off. */
const setUpOf = (veth: VethRequest | undefined) =>
  veth === undefined
    ? 'offload'
    : JSON.stringify([veth.pid, veth.addresses, veth.gateways, veth.networks, veth.nameservers]);

export function openConverge(parts: ConvergeParts): Convergence {
  const { config } = parts;
  const configured: Configured = new Map();
  const creatableBridges = () =>
    new Set(Object.entries(config.bridges).flatMap(([name, bridge]) => (bridge.create ? [name] : [])));

  const planFor = (
    { key, desired, inScope, ensureBridges = [], restoreBridges = [] }: Omit<ConvergeRequest, 'cause'>,
    observed: Observed,
  ): Plan =>
    plan({
      takenBy: (wish) => parts.takenBy(wish, key),
      recordOf: parts.recordOf,
      desired,
      observed,
      facts: parts.facts(),
      inScope,
      ensureBridges,
      restoreBridges,
      creatableBridges: creatableBridges(),
      configured: new Set(
        desired.flatMap(({ port, veth }) => (configured.get(port) === setUpOf(veth) ? [port] : [])),
      ),
      profileUuids: parts.profileUuids,
      heldBack: parts.healings.heldBack,
      guardDigest: parts.guardDigest,
    });

  const settled: Convergence['settled'] = async (requests) => {
    const desired = requests.flatMap((request) => request.desired);
    const inScope = (port: string) => requests.some((request) => request.inScope(port));
    const observed = await parts.observe({ desired, inScope, withProfiles: false, bridges: [] });
    const present = parts.presentPorts();
    const names = new Set(parts.bound().map(({ port }) => port));
    const bound = parts.bound().filter(({ port }) => !present.has(port));
    const troubled = parts.troubles.all();
    return requests.map((request) => {
      const wanted = new Set(request.desired.map(({ port }) => port));
      const isIts = ({ port }: { port: string }) => wanted.has(port) || request.inScope(port);
      if (bound.some(isIts) || troubled.some(isIts)) return false;
      if (request.desired.some(({ port }) => !names.has(port))) return false;
      const { steps, holds } = planFor(request, observed);
      return steps.length === 0 && holds.length === 0;
    });
  };

  const converge: Converge = async (request) => {
    const { desired, inScope, ensureBridges = [], restoreBridges = [], cause } = request;
    const { withProfiles = desired.length === 0 } = request;
    const wanted = new Set(desired.map((wish) => wish.port));
    // Profiles without a port matter where something may be taken away; a look at all of them is not free.
    const bridges = [...ensureBridges, ...restoreBridges];
    const observed = await parts.observe({ desired, inScope, withProfiles, bridges });
    const { steps, holds } = planFor(request, observed);

    if (withProfiles) noteProfiles(parts.troubles, observed);
    const failures = new Map<string, AgentError>();
    for (const step of steps) {
      const subject = subjectOf(step);
      if (failures.has(subject) || needsFailedBridge(step, failures)) continue;
      const error = await runStep(parts, step, cause, configured);
      if (error !== undefined) failures.set(subject, error);
    }
    for (const bridge of new Set([...ensureBridges, ...restoreBridges])) {
      const error = failures.get(bridge);
      if (error) parts.troubles.note({ port: bridge, bridge, code: error.code, reason: error.reason });
      else if (restoreBridges.includes(bridge) && observed.bridges.has(bridge)) parts.troubles.clear(bridge);
    }
    for (const hold of holds) {
      const isNews = parts.troubles.note(hold);
      const isToTell = hold.until === undefined ? isNews : parts.healings.isNews(hold.port);
      if (isToTell) await record(parts, hold, await cause());
    }
    const isOver = (port: string) => inScope(port) && !wanted.has(port);
    for (const port of configured.keys()) if (isOver(port)) configured.delete(port);
    parts.healings.forget(isOver);
    for (const { port } of parts.troubles.all()) {
      const isHeld = holds.some((hold) => hold.port === port);
      if (parsePortName(port) && inScope(port) && !wanted.has(port) && !isHeld) parts.troubles.clear(port);
    }
    await noteFound(parts, keepNames(desired, observed), { failures, holds, cause });
    await noteVanished(parts, { steps, wanted, inScope, cause, links: observed.links });
    return report(desired, steps, holds, failures, wanted, parts.troubles);
  };
  return { converge, settled };
}

/** Stands among the troubles where others have the name of their port. */
const PROFILES_TROUBLE = 'NetworkManager';

/** Profiles that nobody asks for may be left: they are looked for again. */
function noteProfiles(troubles: Troubles, { profilesUnread: error }: Observed): void {
  if (error === undefined) troubles.clear(PROFILES_TROUBLE);
  else troubles.note({ port: PROFILES_TROUBLE, bridge: '', code: error.code, reason: error.reason });
}

type Removal = Extract<Step, { kind: 'detach_port' | 'release_port' }>;

function isRemoval(step: Step): step is Removal {
  return step.kind === 'detach_port' || step.kind === 'release_port';
}

/** Steps after which a guest has its port. */
const BRINGS: ReadonlySet<string> = new Set<Step['kind']>([
  'attach_port',
  'adopt_port',
  'mark_port',
  'hand_back_port',
]);

const needsFailedBridge = (step: Step, failures: ReadonlyMap<string, AgentError>) =>
  'desired' in step && failures.has(step.desired.bridge);

/** Returns the error of a step that failed; the ledger has it then. */
async function runStep(
  parts: ConvergeParts,
  step: Step,
  cause: () => Promise<number>,
  configured: Configured,
): Promise<AgentError | undefined> {
  if (step.kind !== 'create_bridge') return runRecorded(parts, step, cause, configured);
  return parts.bridgeQueue.run(step.bridge, async () => {
    const { bridges } = await parts.observe({
      desired: [],
      inScope: () => false,
      withProfiles: false,
      bridges: [],
    });
    return bridges.has(step.bridge) ? undefined : runRecorded(parts, step, cause, configured);
  });
}

async function runRecorded(
  parts: ConvergeParts,
  step: Step,
  cause: () => Promise<number>,
  configured: Configured,
): Promise<AgentError | undefined> {
  const { ledger } = parts;
  const words = STEP_ACTIONS[step.kind];
  const data = stepData(step);
  const { category } = words;
  const { height: intent } = await ledger.append({
    category,
    action: words.intent,
    data,
    cause: await cause(),
    metadata: { kind: 'intent' },
  });
  const outcome = (action: string, more: JsonObject) =>
    ledger.append({
      category,
      action,
      data: { ...data, ...more },
      cause: intent,
      metadata: { kind: 'outcome' },
    });
  const started = performance.now();
  const took = () => ({ ms: Math.round(performance.now() - started) });
  if (step.kind === 'create_veth') parts.healings.note(step.desired);
  let result: JsonObject;
  try {
    result = await execute(parts.executors, step);
  } catch (thrown) {
    const error = asAgentError(thrown, 'activation-failed', `${step.kind} failed`);
    await outcome(words.failed, { code: error.code, error: error.toLine(), ...took() });
    return error;
  }
  // Done is done: what goes wrong from here on must not make the ledger say that the step failed.
  await Promise.all([
    outcome(words.done, { ...result, ...took() }),
    settle(parts, step, { ...data, ...result }, configured),
  ]);
  return undefined;
}

/** The one cast of the table: TypeScript cannot correlate `step.kind` with the entry's parameter. */
function execute(table: Executors<JsonObject>, step: Step): Promise<JsonObject> {
  return (table[step.kind] as (step: Step) => Promise<JsonObject>)(step);
}

async function settle(
  parts: ConvergeParts,
  step: Step,
  data: JsonObject,
  configured: Configured,
): Promise<void> {
  if (step.kind === 'configure_guest') configured.set(step.desired.port, setUpOf(step.veth));
  if (step.kind === 'disable_offload' || (step.kind === 'announce_addresses' && step.desired.peer))
    configured.set(step.desired.port, setUpOf(undefined));
  if (isRemoval(step)) {
    configured.delete(step.port.port);
    await parts.onDetached(step.port.port, data);
  } else if (BRINGS.has(step.kind) && 'desired' in step) await parts.onAttached(step.desired, data);
}

/**
 * A port that is as it should be, and that nobody has noted yet: its outcome was missed, because ovs-vswitchd took longer
 * than we waited, or because the agent died in between.
 */
async function noteFound(
  { ledger, bound, holderOf, onAttached }: ConvergeParts,
  desired: readonly DesiredPort[],
  look: {
    failures: ReadonlyMap<string, AgentError>;
    holds: readonly Hold[];
    cause: () => Promise<number>;
  },
): Promise<void> {
  const noted = new Set(bound().map(({ port, interface: link }) => `${port}/${link}`));
  for (const wish of desired) {
    if (noted.has(`${wish.port}/${wish.interface}`) || look.failures.has(wish.port)) continue;
    const row = holderOf(wish.interface);
    const isRight =
      row?.row === (wish.row ?? wish.port) && row.bridge === wish.bridge && (row.ofport ?? 0) > 0;
    if (!isRight || row.error !== undefined || look.holds.some(({ port }) => port === wish.port)) continue;
    const { port, interface: link, bridge } = wish;
    const data = { port, interface: link, bridge, driver: row.driver };
    await ledger.append({ category: 'port', action: 'port_found', data, cause: await look.cause() });
    await onAttached(wish, data);
  }
}

/** A link that vanished took its rows along, by NetworkManager's hand: no step of ours, but an end to record. */
async function noteVanished(
  { ledger, bound, presentPorts, onDetached }: ConvergeParts,
  look: {
    steps: readonly Step[];
    wanted: ReadonlySet<string>;
    inScope: (port: string) => boolean;
    cause: () => Promise<number>;
    links: Observed['links'];
  },
): Promise<void> {
  const present = presentPorts();
  const removed = new Set(look.steps.flatMap((step) => (isRemoval(step) ? [step.port.port] : [])));
  for (const { port, interface: link, bridge } of bound()) {
    if (!(look.wanted.has(port) || look.inScope(port)) || present.has(port) || removed.has(port)) continue;
    const reason = look.links.has(link) ? 'it is not in OVSDB any more' : 'its network device is gone';
    const data = { port, interface: link, bridge, reason };
    await ledger.append({ category: 'port', action: 'port_gone', data, cause: await look.cause() });
    await onDetached(port, data);
  }
}

async function record(
  parts: ConvergeParts,
  hold: { port: string; bridge: string; code: string; reason: string },
  cause: number,
): Promise<void> {
  const { port, bridge, code, reason } = hold;
  await parts.ledger.append({
    category: 'port',
    action: 'port_held',
    data: { port, bridge, code, reason },
    cause,
  });
}

function report(
  desired: readonly DesiredPort[],
  steps: readonly Step[],
  holds: readonly Hold[],
  failures: ReadonlyMap<string, AgentError>,
  wanted: ReadonlySet<string>,
  troubles: Troubles,
): PortReport[] {
  const reports: PortReport[] = desired.map((wish) => {
    const { port, bridge } = wish;
    const base = { port, interface: wish.interface, bridge };
    const hold = holds.find((entry) => entry.port === port);
    if (hold) return { ...base, state: 'held', reason: hold.reason, code: hold.code };
    const error = failures.get(port) ?? failures.get(bridge);
    if (error) {
      troubles.note({ port, bridge, code: error.code, reason: error.reason });
      return { ...base, state: 'failed', reason: error.reason, code: error.code };
    }
    troubles.clear(port);
    const touched = steps.some((step) => subjectOf(step) === port);
    return { ...base, state: touched ? 'attached' : 'unchanged' };
  });
  for (const step of steps) {
    if (!isRemoval(step) || wanted.has(step.port.port)) continue;
    const { port, bridge } = step.port;
    const error = failures.get(port);
    if (error) troubles.note({ port, bridge, code: error.code, reason: error.reason });
    else troubles.clear(port);
    reports.push({
      port,
      bridge,
      interface: step.port.interface,
      state: error ? 'failed' : 'detached',
      ...(error && { reason: error.reason, code: error.code }),
    });
  }
  return reports;
}
