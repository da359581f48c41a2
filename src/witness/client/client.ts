// Shows each new checkpoint of this ledger to the witnesses of the configuration, without anybody waiting for them.

import { isDeepStrictEqual } from 'node:util';
import type { WitnessedLog } from '../../core/ledger/checkpoint/witnessed-log.ts';
import type { Verifier } from '../../core/ledger/note/keys.ts';
import { verifierText } from '../../core/ledger/note/keys.ts';
import { isAgentError } from '../../core/lib/errors.ts';
import type { Clocks } from '../../core/lib/moment.ts';
import { answersForItself } from './answers-for-itself.ts';
import { askOnce, type Outcome } from './ask-once.ts';
import type { Reply } from './post.ts';
import { type SteadyTimes, steadyTimes } from './steady-times.ts';
import { loadWitness, saveWitness, type WitnessProblem, type WitnessState } from './witness-state.ts';

export interface Asked {
  /** What people call it. */
  readonly name: string;
  readonly url: string;
  /** For cosignatures. */
  readonly key: Verifier;
  readonly post: (body: string, signal: AbortSignal) => Promise<Reply>;
}

export interface ClientOptions extends Clocks {
  readonly log: WitnessedLog;
  readonly witnesses: readonly Asked[];
  /** Where the state of each is kept; it is there. */
  readonly directory: string;
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

const DEBOUNCE_MS = 1_000;
const RETRY_MS = 5_000;
const RETRY_MOST_MS = 10 * 60_000;

/** Resolves when what was kept of each witness is read. */
export async function openWitnessClient(options: ClientOptions): Promise<WitnessClient> {
  const asking = await Promise.all(options.witnesses.map((witness) => ask(witness, options)));
  const unsubscribe = options.log.onSigned(() => {
    for (const each of asking) each.soon();
  });
  for (const each of asking) each.soon();
  return {
    states: () => asking.map((each) => each.state()),
    async close() {
      unsubscribe();
      await Promise.all(asking.map((each) => each.close()));
    },
  };
}

async function ask(witness: Asked, options: ClientOptions): Promise<AskedWitness> {
  const { name, url, key } = witness;
  const asked = { key: verifierText(key), name, url };
  const { state, problem } = await loadWitness(options.directory, asked, options.now());
  if (problem !== undefined) options.onError(new Error(problem));
  return new AskedWitness(witness, options, state);
}

/** One witness: when it is asked, and what has become of it. */
class AskedWitness {
  readonly #witness: Asked;
  readonly #options: ClientOptions;
  readonly #leaving = new AbortController();
  readonly #times: SteadyTimes;
  #state: WitnessState;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;

  constructor(witness: Asked, options: ClientOptions, state: WitnessState) {
    this.#witness = witness;
    this.#options = options;
    this.#times = steadyTimes(options);
    this.#state = this.#times.of(state);
  }

  state(): WitnessState {
    return this.#times.of(this.#state);
  }

  /** A witness that failed is left alone until its time has come. */
  soon(): void {
    this.#arm(this.#options.debounceMs ?? DEBOUNCE_MS);
  }

  async close(): Promise<void> {
    this.#leaving.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #arm(ms: number): void {
    if (this.#leaving.signal.aborted || this.#timer !== undefined || this.#running !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#attempt()
        .catch((error: unknown) => {
          this.#options.onError(error);
          return RETRY_MOST_MS;
        })
        .then((again) => {
          this.#running = undefined;
          if (again !== undefined) this.#arm(again);
          // What was signed meanwhile.
          else if (this.#isBehind()) this.soon();
        });
    }, ms).unref();
  }

  #isBehind(): boolean {
    const { log } = this.#options;
    const head = log.newest();
    return head !== undefined && (this.#state.origin !== log.origin() || head.size !== this.#state.size);
  }

  /** Returns after how many milliseconds to ask again; undefined: at the next checkpoint. */
  async #attempt(): Promise<number | undefined> {
    const { log, now } = this.#options;
    const origin = log.origin();
    if (origin === undefined || log.newest() === undefined) return undefined;
    // The clock was set: who reads the file reckons with it.
    if (!isDeepStrictEqual(this.state(), this.#state)) await this.#save({});
    if (!this.#isBehind() && this.#state.problem === null) return undefined;
    const old = this.#state.origin === origin ? (this.#state.size ?? 0) : 0;
    if (this.#state.first_asked_at === null)
      await this.#save({ first_asked_at: new Date(now()).toISOString() });
    const { key, post } = this.#witness;
    try {
      const outcome = await askOnce(log, key, old, (body) => post(body, this.#leaving.signal));
      return outcome && (await this.#take(outcome, origin));
    } catch (error) {
      if (this.#leaving.signal.aborted) return undefined;
      this.#failures += 1;
      await this.#wrong({ kind: 'silent', text: isAgentError(error) ? error.reason : String(error) });
      return this.#backoff();
    }
  }

  async #take(outcome: Outcome, origin: string): Promise<number | undefined> {
    const { log, now, onTold } = this.#options;
    const { name } = this.#witness;
    if ('cosigned' in outcome) {
      const { size, note, line } = outcome.cosigned;
      // Under the note first: of what is written down here, nobody would ask for the cosignature again.
      await log.addCosignatures(note, [line]);
      const wasWrong = this.#state.problem !== null;
      this.#times.cosigned();
      await this.#save({ origin, size, cosigned_at: new Date(now()).toISOString(), problem: null });
      if (wasWrong) onTold(name, undefined);
      this.#failures = 0;
      return undefined;
    }
    this.#failures += 1;
    if ('ahead' in outcome) {
      const text = `it has seen ${outcome.ahead} blocks of this ledger, which are not there`;
      await this.#wrong({ kind: 'ahead', text });
      // By plain http anybody on the way could make this ledger begin a new epoch: then it is told, and no more.
      if (answersForItself(this.#witness.url)) await log.reportAhead(name, outcome.ahead);
      return this.#backoff();
    }
    await this.#wrong(outcome.problem);
    return Math.max(this.#backoff(), Math.min((outcome.retryAfter ?? 0) * 1000, RETRY_MOST_MS));
  }

  async #wrong(problem: Omit<WitnessProblem, 'since'>): Promise<void> {
    const before = this.#state.problem;
    if (before?.kind === problem.kind && before.text === problem.text) return;
    const since = before?.kind === problem.kind ? before.since : new Date(this.#options.now()).toISOString();
    await this.#save({ problem: { ...problem, since } });
    if (before?.kind !== problem.kind) this.#options.onTold(this.#witness.name, { ...problem, since });
  }

  async #save(next: Partial<WitnessState>): Promise<void> {
    this.#state = this.#times.of({ ...this.#state, ...next });
    await saveWitness(this.#options.directory, this.#state).catch(this.#options.onError);
  }

  #backoff(): number {
    const { retryMs = RETRY_MS } = this.#options;
    return Math.min(retryMs * 2 ** Math.min(this.#failures - 1, 20), RETRY_MOST_MS);
  }
}
