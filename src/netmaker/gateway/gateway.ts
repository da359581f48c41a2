// The host as the gateway of the pool, and back: looks, decides, remembers, acts.

import { AgentError, isAgentError } from '../../core/lib/errors.ts';
import type { Exec, Follow } from '../../core/lib/exec.ts';
import type { PublishedAddress } from '../../core/plan/port-security.ts';
import { take } from './apply.ts';
import { desiredResources } from './desired.ts';
import { watchDisturbances } from './disturbance.ts';
import { COUNTERS } from './expressions.ts';
import { obstacleText } from './forwarding.ts';
import type { Entry } from './host-resources.ts';
import { observe } from './observe.ts';
import type { Observed } from './observed.ts';
import { gatewayPlan, type Step, stillOurs, wordsFor } from './plan.ts';
import { readTable } from './read-ruleset.ts';
import { readRecord, writeRecord } from './record.ts';
import { holdCommands } from './ruleset.ts';
import type { Gateway, GatewayChange, GatewaySpec } from './spec.ts';
import { openSysctls, type Sysctls } from './sysctls.ts';
import { uplinkFor } from './uplink.ts';

export interface GatewayParts {
  exec: Exec;
  follow: Follow;
  /** The undo record; its directory is there. */
  recordPath: string;
  /** /proc/sys/kernel/random/boot_id: a record of another boot is void. */
  bootId: string;
  sysctls?: Sysctls;
  /** Told of a record that is damaged. */
  onProblem?: (problem: string) => void;
}

export function openGateway(parts: GatewayParts): Gateway {
  const context = { ...parts, sysctls: parts.sysctls ?? openSysctls() };
  const closing = new AbortController();
  let hints: readonly string[] = [];
  const lastWins = oneAtATime<GatewaySpec | undefined, readonly GatewayChange[]>(async (spec) => {
    const changes = await become(context, spec);
    hints = changes.flatMap(({ did, what }) => (did === 'hint' ? [what] : []));
    return changes;
  });
  // All that are published now come with each: who waits while one runs is served by the next.
  const holdLast = oneAtATime<readonly PublishedAddress[], void>(async (published) => {
    await context.exec('nft', [holdCommands(published)]).catch((error: unknown) => {
      if (!isAgentError(error, 'exec-failed')) throw error;
    });
  });
  let reported = '';

  /** A hint is said once, until there is another. */
  const sayNew = (changes: readonly GatewayChange[], spec: GatewaySpec | undefined) => {
    const hints = changes.filter(({ did }) => did === 'hint');
    const text = JSON.stringify(hints);
    const isNew = text !== reported;
    if (spec !== undefined) reported = text;
    return isNew ? changes : changes.filter(({ did }) => did !== 'hint');
  };

  return {
    assert: async (spec) => sayNew(await lastWins(spec), spec),
    async hold(published) {
      if (published.length > 0) await holdLast(published);
    },
    hints: () => hints,
    undo: () => lastWins(undefined),
    counters: async () => {
      const { tally } = await readTable(context.exec);
      const packets = (name: string) => tally.get(name)?.packets ?? 0;
      return {
        refused: packets(COUNTERS.refused),
        refusedByHost: packets(COUNTERS.refusedByHost),
        spoofed: packets(COUNTERS.spoofed),
      };
    },
    onDisturbance: (listener) => watchDisturbances(context.follow, listener, closing.signal),
    close: () => closing.abort(),
  };
}

/**
 * Takes the gateway back without an agent, as when the package goes. Returns what was undone, in words; empty when
 * there was nothing. Throws `gateway-failed` naming what is left; it may be called again.
 */
export function closeGateway(parts: Omit<GatewayParts, 'follow'>): Promise<readonly GatewayChange[]> {
  return become({ ...parts, sysctls: parts.sysctls ?? openSysctls() }, undefined);
}

interface Context extends Omit<GatewayParts, 'follow'> {
  sysctls: Sysctls;
}

/** An undefined spec is none at all: everything is taken back. */
async function become(context: Context, spec: GatewaySpec | undefined): Promise<GatewayChange[]> {
  const record = await load(context);
  const isNeeded = spec !== undefined && spec.mode !== 'l2' && spec.published.length > 0;
  if (!isNeeded && record.length === 0) return [];
  const observed = await observeHost(context, spec, record);
  if (isNeeded && !observed.links.has(spec.bridge)) {
    throw new AgentError('gateway-failed', `The bridge ${spec.bridge} has no network device`);
  }
  const desired = isNeeded ? desiredResources(spec, observed, stillOurs(record, observed)) : [];
  const { steps, entries } = gatewayPlan(desired, observed, record);
  if (JSON.stringify(entries) !== JSON.stringify(record)) await save(context, entries);
  const { changes, left, failures } = await carryOut(steps, entries, { ...context, spec, observed });
  if (steps.length > 0) await save(context, left);
  if (failures.length > 0) throw failed(failures);
  return [...changes, ...(isNeeded ? hintsFor(spec, observed) : [])];
}

async function carryOut(
  steps: readonly Step[],
  entries: readonly Entry[],
  context: Context & { spec: GatewaySpec | undefined; observed: Observed },
) {
  let left = [...entries];
  const changes: GatewayChange[] = [];
  const failures: { what: string; error: unknown }[] = [];
  for (const step of steps) {
    const what = wordsFor(step, context.observed);
    try {
      await take(step, context);
      if (step.do === 'undo') left = left.filter((entry) => entry !== step.entry);
      else if (step.resource.kind === 'table') left = await withSeen(left, context.exec);
      changes.push({ did: step.do === 'make' ? 'made' : 'undone', what });
    } catch (error) {
      failures.push({ what, error });
    }
  }
  return { changes, left, failures };
}

/** What nft shows of the table that was just written: another look shows whether somebody changed it. */
async function withSeen(entries: readonly Entry[], exec: Exec): Promise<Entry[]> {
  const { digest } = await readTable(exec);
  return entries.map((entry) =>
    entry.kind === 'table' && digest !== undefined ? { ...entry, seen: digest } : entry,
  );
}

function hintsFor(spec: GatewaySpec, { obstacles, defaults, links }: Observed): GatewayChange[] {
  const stopped = obstacles?.map((one) => obstacleText(one, spec.bridge)) ?? [
    'the rules of the firewall cannot be read, so nobody knows whether it lets the containers through',
  ];
  const uplinks = ([4, 6] as const).map((family) => uplinkFor(family, spec, defaults));
  const missing = uplinks.find((uplink) => uplink !== undefined && !links.has(uplink));
  const gone = missing === undefined ? [] : [`the uplink ${missing} has no network device`];
  return [...stopped, ...gone].map((what) => ({ did: 'hint', what }));
}

function failed(failures: readonly { what: string; error: unknown }[]): AgentError {
  const more = failures.length > 1 ? `, and ${failures.length - 1} more` : '';
  const text = `The host could not be made the gateway: ${failures[0]?.what}${more}`;
  return new AgentError('gateway-failed', text, { cause: failures[0]?.error });
}

const load = ({ recordPath, bootId, onProblem }: Context) =>
  readRecord(recordPath, bootId, onProblem).catch((error: unknown) => {
    throw new AgentError('gateway-failed', `${recordPath} cannot be read`, { cause: error });
  });

const save = ({ recordPath, bootId }: Context, entries: readonly Entry[]) =>
  writeRecord(recordPath, bootId, entries).catch((error: unknown) => {
    throw new AgentError('gateway-failed', `${recordPath} cannot be written`, { cause: error });
  });

const observeHost = (context: Context, spec: GatewaySpec | undefined, record: readonly Entry[]) =>
  observe(context, spec, record).catch((error: unknown) => {
    throw new AgentError('gateway-failed', 'The network of the host cannot be read', { cause: error });
  });

/** Runs one call at a time; of those that wait only the last is run, and all of them get its result. */
export function oneAtATime<A, R>(run: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  let running: Promise<unknown> = Promise.resolve();
  let waiting: { argument: A; result: Promise<R> } | undefined;
  return (argument) => {
    if (waiting !== undefined) {
      waiting.argument = argument;
      return waiting.result;
    }
    const next: { argument: A; result: Promise<R> } = {
      argument,
      result: running.then(() => {
        waiting = undefined;
        return run(next.argument);
      }),
    };
    waiting = next;
    running = next.result.catch(() => undefined);
    return next.result;
  };
}
