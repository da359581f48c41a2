// Runs one step between its intent and its outcome block, and notes what it did.

import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { type AgentError, asAgentError } from '../core/lib/errors.ts';
import type { JsonObject } from '../core/lib/json.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Observed } from '../core/plan/observed.ts';
import { type Executors, STEP_ACTIONS, type Step, type StepAction } from '../core/plan/steps.ts';
import type { ObserveRequest } from './observe.ts';
import type { RecreateBackoff } from './recreate-backoff.ts';
import type { SetUps } from './set-ups.ts';
import { STEPS } from './step-actions.ts';
import { stepData } from './step-data.ts';

export interface StepParts {
  ledger: Ledger;
  recreateBackoff: RecreateBackoff;
  executors: Executors<JsonObject>;
  observe: (request: ObserveRequest) => Promise<Observed>;
  /** Bridges are made one at a time, also when several guests need one at once. */
  bridgeQueue: KeyedQueue;
  onAttached: (desired: DesiredPort, data: JsonObject) => Promise<void>;
  onDetached: (port: string, data: JsonObject) => Promise<void>;
}

type Removal = Extract<Step, { kind: 'detach_port' | 'release_port' }>;

export function isRemoval(step: Step): step is Removal {
  return step.kind === 'detach_port' || step.kind === 'release_port';
}

/** Steps after which a guest has its port. */
const BRINGS: ReadonlySet<string> = new Set<Step['kind']>([
  'attach_port',
  'adopt_port',
  'mark_port',
  'hand_back_port',
]);

/** Returns the error of a step that failed; the ledger has it then. */
export async function runStep(
  parts: StepParts & { setUps: SetUps },
  step: Step,
  cause: () => Promise<number>,
): Promise<AgentError | undefined> {
  if (step.kind !== 'create_bridge') return runRecorded(parts, step, cause);
  return parts.bridgeQueue.run(step.bridge, async () => {
    const { bridges } = await parts.observe({
      desired: [],
      inScope: () => false,
      withProfiles: false,
      bridges: [],
    });
    return bridges.has(step.bridge) ? undefined : runRecorded(parts, step, cause);
  });
}

async function runRecorded(
  parts: StepParts & { setUps: SetUps },
  step: Step,
  cause: () => Promise<number>,
): Promise<AgentError | undefined> {
  const { ledger } = parts;
  const words = STEP_ACTIONS[step.kind];
  const data = stepData(step);
  const { height: intent } = await ledger.append(
    entryOf(STEPS, { action: words.intent, data, cause: await cause(), metadata: { kind: 'intent' } }),
  );
  const outcome = (action: StepAction, more: JsonObject) =>
    ledger.append(
      entryOf(STEPS, { action, data: { ...data, ...more }, cause: intent, metadata: { kind: 'outcome' } }),
    );
  const started = performance.now();
  const took = () => ({ ms: Math.round(performance.now() - started) });
  if (step.kind === 'create_veth') parts.recreateBackoff.note(step.desired);
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
    noteDone(parts, step, { ...data, ...result }),
  ]);
  return undefined;
}

/** The one cast of the table: TypeScript cannot correlate `step.kind` with the entry's parameter. */
function execute(table: Executors<JsonObject>, step: Step): Promise<JsonObject> {
  return (table[step.kind] as (step: Step) => Promise<JsonObject>)(step);
}

async function noteDone(
  { setUps, onAttached, onDetached }: StepParts & { setUps: SetUps },
  step: Step,
  data: JsonObject,
): Promise<void> {
  setUps.note(step);
  if (isRemoval(step)) await onDetached(step.port.port, data);
  else if (BRINGS.has(step.kind) && 'desired' in step) await onAttached(step.desired, data);
}
