// Shows each new checkpoint of this ledger to the witnesses of the configuration, without anybody waiting for them.

import type { WitnessedLog } from '../../core/ledger/checkpoint/witnessed-log.ts';
import type { Verifier } from '../../core/ledger/note/keys.ts';
import { verifierText } from '../../core/ledger/note/keys.ts';
import { isAgentError } from '../../core/lib/errors.ts';
import { askOnce, type Outcome } from './ask-once.ts';
import type { Reply } from './post.ts';
import { loadWitness, saveWitness, type WitnessProblem, type WitnessState } from './witness-state.ts';

export interface Asked {
  /** What people call it. */
  readonly name: string;
  readonly url: string;
  /** For cosignatures. */
  readonly key: Verifier;
  readonly post: (body: string, signal: AbortSignal) => Promise<Reply>;
}

export interface ClientOptions {
  readonly log: WitnessedLog;
  readonly witnesses: readonly Asked[];
  /** Where the state of each is kept; it is there. */
  readonly directory: string;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** Milliseconds to gather checkpoints before the newest is shown. */
  readonly debounceMs?: number;
  /** Milliseconds before the first try after one that failed; each waits twice as long as the one before. */
  readonly retryMs?: number;
  /** Told when something begins to be wrong with a witness, and when it is well again. */
  readonly onTold: (witness: string, problem: WitnessProblem | undefined) => void;
  readonly onError: (error: unknown) => void;
}

export interface WitnessClient {
  states(): WitnessState[];
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

const RETRY_MOST_MS = 10 * 60_000;

/** Resolves when what was kept of each witness is read. */
export async function openWitnessClient(options: ClientOptions): Promise<WitnessClient> {
  const asking = await Promise.all(options.witnesses.map((witness) => ask(witness, options)));
  const unsubscribe = options.log.onSigned(() => {
    for (const each of asking) each.soon();
  });
  for (const each of asking) each.soon();
  return {
    states: () => asking.map(({ state }) => state()),
    async close() {
      unsubscribe();
      await Promise.all(asking.map((each) => each.close()));
    },
  };
}

async function ask(witness: Asked, options: ClientOptions) {
  const { log, directory, now, debounceMs = 1_000, retryMs = 5_000, onTold, onError } = options;
  const { name, url, key, post } = witness;
  const loaded = await loadWitness(directory, { key: verifierText(key), name, url }, now());
  if (loaded.problem !== undefined) onError(new Error(loaded.problem));
  let { state } = loaded;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let failures = 0;
  const leaving = new AbortController();

  const save = async (next: Partial<WitnessState>) => {
    state = { ...state, ...next };
    await saveWitness(directory, state).catch(onError);
  };

  async function wrong(problem: Omit<WitnessProblem, 'since'>): Promise<void> {
    const before = state.problem;
    if (before?.kind === problem.kind && before.text === problem.text) return;
    const since = before?.kind === problem.kind ? before.since : new Date(now()).toISOString();
    await save({ problem: { ...problem, since } });
    if (before?.kind !== problem.kind) onTold(name, { ...problem, since });
  }

  /** Returns after how many milliseconds to ask again; undefined: at the next checkpoint. */
  async function take(outcome: Outcome, origin: string): Promise<number | undefined> {
    if ('cosigned' in outcome) {
      const { size, note, line } = outcome.cosigned;
      // Under the note first: of what is written down here, nobody would ask for the cosignature again.
      await log.addCosignatures(note, [line]);
      const wasWrong = state.problem !== null;
      await save({ origin, size, cosigned_at: new Date(now()).toISOString(), problem: null });
      if (wasWrong) onTold(name, undefined);
      failures = 0;
      return undefined;
    }
    if ('ahead' in outcome) {
      await wrong({
        kind: 'ahead',
        text: `it has seen ${outcome.ahead} blocks of this ledger, which are not there`,
      });
      await log.reportAhead(name, outcome.ahead);
      failures += 1;
      return backoff();
    }
    failures += 1;
    await wrong(outcome.problem);
    return Math.max(backoff(), Math.min((outcome.retryAfter ?? 0) * 1000, RETRY_MOST_MS));
  }

  const backoff = () => Math.min(retryMs * 2 ** Math.min(failures - 1, 20), RETRY_MOST_MS);

  async function attempt(): Promise<number | undefined> {
    const origin = log.origin();
    const head = log.newest();
    if (origin === undefined || head === undefined) return undefined;
    const old = state.origin === origin ? (state.size ?? 0) : 0;
    if (old === head.size && state.problem === null && state.origin === origin) return undefined;
    if (state.first_asked_at === null) await save({ first_asked_at: new Date(now()).toISOString() });
    try {
      const outcome = await askOnce(log, key, old, (body) => post(body, leaving.signal));
      return outcome && (await take(outcome, origin));
    } catch (error) {
      if (leaving.signal.aborted) return undefined;
      failures += 1;
      await wrong({ kind: 'silent', text: isAgentError(error) ? error.reason : String(error) });
      return backoff();
    }
  }

  const isBehind = () => {
    const head = log.newest();
    return head !== undefined && (state.origin !== log.origin() || head.size !== state.size);
  };
  const arm = (ms: number) => {
    if (leaving.signal.aborted || timer !== undefined || running !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = attempt()
        .catch((error: unknown) => {
          onError(error);
          return RETRY_MOST_MS;
        })
        .then((again) => {
          running = undefined;
          if (again !== undefined) arm(again);
          // What was signed meanwhile.
          else if (isBehind()) arm(debounceMs);
        });
    }, ms).unref();
  };

  return {
    state: () => state,
    /** A witness that failed is left alone until its time has come. */
    soon: () => arm(debounceMs),
    async close() {
      leaving.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
