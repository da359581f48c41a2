// Brings ports to what is desired: look, plan, run the steps, and remember what could not be done.

import type { Config } from '../core/config/config.ts';
import type { PortReport } from '../core/events/event-result.ts';
import { parsePortName } from '../core/guest/vmid.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { AgentError } from '../core/lib/errors.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { SwitchFacts } from '../core/plan/driver-choice.ts';
import { keepNames } from '../core/plan/kept-names.ts';
import type { Observed } from '../core/plan/observed.ts';
import type { RecordOf } from '../core/plan/ownership.ts';
import { type Blocker, type Plan, type PlanInput, plan } from '../core/plan/plan.ts';
import type { PortSecurity } from '../core/plan/port-security.ts';
import { type Step, subjectOf } from '../core/plan/steps.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import { PORTS } from './event-actions.ts';
import { reportPorts } from './port-reports.ts';
import { runStep, type StepParts } from './recorded-step.ts';
import { openSetUps, type SetUps } from './set-ups.ts';
import { noteFound, noteVanished, type UnplannedParts } from './unplanned-changes.ts';

export interface ConvergeParts extends StepParts, UnplannedParts {
  config: Config;
  /** What the choice of a driver depends on. */
  facts: () => SwitchFacts;
  isHeld: PlanInput['isHeld'];
  /** What a port's rules would leave behind. */
  securityDigest: (desired: DesiredPort, portSecurity: PortSecurity, ofport: number) => string;
  pendingRetries: PendingRetries;
  /** Why the port or its device is another guest's than that of the guest `key`. */
  takenBy: (desired: DesiredPort, key: string | undefined) => string | undefined;
  /** Devices that were noted for a port. */
  recordOf: RecordOf;
}

export interface ConvergeRequest {
  /** Whose the desired ports are. */
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

type Context = ConvergeParts & { setUps: SetUps };

export function openConverge(parts: ConvergeParts): Convergence {
  const context: Context = { ...parts, setUps: openSetUps() };
  return {
    converge: (request) => converge(context, request),
    settled: (requests) => settled(context, requests),
  };
}

function planFor(context: Context, request: Omit<ConvergeRequest, 'cause'>, observed: Observed): Plan {
  const { key, desired, inScope, ensureBridges = [], restoreBridges = [] } = request;
  const { config, facts, recreateBackoff, setUps, takenBy, recordOf, isHeld, securityDigest } = context;
  return plan({
    takenBy: (desiredPort) => takenBy(desiredPort, key),
    recordOf,
    desired,
    observed,
    facts: facts(),
    inScope,
    ensureBridges,
    restoreBridges,
    creatableBridges: new Set(
      Object.entries(config.bridges).flatMap(([name, bridge]) => (bridge.create ? [name] : [])),
    ),
    configured: setUps.of(desired),
    isHeld,
    recreateBlocker: recreateBackoff.recreateBlocker,
    securityDigest,
  });
}

async function settled(
  context: Context,
  requests: readonly Omit<ConvergeRequest, 'cause'>[],
): Promise<boolean[]> {
  const desired = requests.flatMap((request) => request.desired);
  const inScope = (port: string) => requests.some((request) => request.inScope(port));
  const observed = await context.observe({ desired, inScope, withProfiles: false, bridges: [] });
  const present = context.presentPorts();
  const names = new Set(context.bound().map(({ port }) => port));
  const bound = context.bound().filter(({ port }) => !present.has(port));
  const retrying = context.pendingRetries.all();
  return requests.map((request) => {
    const desiredPorts = new Set(request.desired.map(({ port }) => port));
    const isIts = ({ port }: { port: string }) => desiredPorts.has(port) || request.inScope(port);
    if (bound.some(isIts) || retrying.some(isIts)) return false;
    if (request.desired.some(({ port }) => !names.has(port))) return false;
    const { steps, blockers } = planFor(context, request, observed);
    return steps.length === 0 && blockers.length === 0;
  });
}

async function converge(context: Context, request: ConvergeRequest): Promise<PortReport[]> {
  const { desired, inScope, ensureBridges = [], restoreBridges = [], cause } = request;
  const { withProfiles = desired.length === 0 } = request;
  const { pendingRetries, setUps, recreateBackoff } = context;
  const desiredPorts = new Set(desired.map((desiredPort) => desiredPort.port));
  // Profiles without a port matter where something may be taken away; a look at all of them is not free.
  const bridges = [...ensureBridges, ...restoreBridges];
  const observed = await context.observe({ desired, inScope, withProfiles, bridges });
  const { steps, blockers } = planFor(context, request, observed);

  if (withProfiles) noteProfiles(pendingRetries, observed);
  const failures = await runSteps(context, steps, cause);
  noteBridges(pendingRetries, request, failures, observed);
  await noteHolds(context, blockers, cause);
  const isOver = (port: string) => inScope(port) && !desiredPorts.has(port);
  setUps.forget(isOver);
  recreateBackoff.forget(isOver);
  for (const { port } of pendingRetries.all()) {
    const isBlocked = blockers.some((blocker) => blocker.port === port);
    if (parsePortName(port) && isOver(port) && !isBlocked) pendingRetries.clear(port);
  }
  await noteFound(context, keepNames(desired, observed), { failures, blockers, cause });
  await noteVanished(context, { steps, desiredPorts, inScope, cause, links: observed.links });
  return reportPorts(desired, steps, blockers, failures, desiredPorts, pendingRetries);
}

/** The first failure of each port and bridge; what depends on it is not tried. */
async function runSteps(
  context: Context,
  steps: readonly Step[],
  cause: () => Promise<number>,
): Promise<ReadonlyMap<string, AgentError>> {
  const failures = new Map<string, AgentError>();
  for (const step of steps) {
    const subject = subjectOf(step);
    if (failures.has(subject) || needsFailedBridge(step, failures)) continue;
    const error = await runStep(context, step, cause);
    if (error !== undefined) failures.set(subject, error);
  }
  return failures;
}

const needsFailedBridge = (step: Step, failures: ReadonlyMap<string, AgentError>) =>
  'desired' in step && failures.has(step.desired.bridge);

/** Stands among the pending retries where others have the name of their port. */
const PROFILES_RETRY = 'NetworkManager';

/** Profiles that nobody asks for may be left: they are looked for again. */
function noteProfiles(pendingRetries: PendingRetries, { profilesUnread: error }: Observed): void {
  if (error === undefined) pendingRetries.clear(PROFILES_RETRY);
  else pendingRetries.note({ port: PROFILES_RETRY, bridge: '', code: error.code, reason: error.reason });
}

function noteBridges(
  pendingRetries: PendingRetries,
  { ensureBridges = [], restoreBridges = [] }: ConvergeRequest,
  failures: ReadonlyMap<string, AgentError>,
  observed: Observed,
): void {
  for (const bridge of new Set([...ensureBridges, ...restoreBridges])) {
    const error = failures.get(bridge);
    if (error) pendingRetries.note({ port: bridge, bridge, code: error.code, reason: error.reason });
    else if (restoreBridges.includes(bridge) && observed.bridges.has(bridge)) pendingRetries.clear(bridge);
  }
}

/** Each is told once, however often it is found again. */
async function noteHolds(
  { pendingRetries, recreateBackoff, ledger }: Context,
  blockers: readonly Blocker[],
  cause: () => Promise<number>,
): Promise<void> {
  for (const blocker of blockers) {
    const isNew = pendingRetries.note(blocker);
    const isToReport = blocker.until === undefined ? isNew : recreateBackoff.isFirstReport(blocker.port);
    if (!isToReport) continue;
    const { port, bridge, code, reason } = blocker;
    const data = { port, bridge, code, reason };
    await ledger.append(entryOf(PORTS, { action: 'port_held', data, cause: await cause() }));
  }
}
