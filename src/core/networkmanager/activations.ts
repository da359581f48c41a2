// Activates profiles, and knows from NetworkManager's signals how each activation ended.

import { z } from 'zod';
import type { BusSignal } from '../bus/bus.ts';
import { withDeadline } from '../lib/deadline.ts';
import { AgentError } from '../lib/errors.ts';
import type { Call } from './calls.ts';
import { ActiveState, NM, NM_PATH } from './names.ts';
import type { Departure } from './waiting.ts';

interface Change {
  state: number;
  reason: number;
}

const pathReply = z.tuple([z.string()]).rest(z.unknown());
const stateSignal = z.tuple([z.number(), z.number()]);

const isEnd = ({ state }: Change) => state === ActiveState.activated || state === ActiveState.deactivated;

export class Activations {
  readonly #call: Call;
  readonly #departure: Departure;
  /** By path: what came before anybody waited for it. A signal may be quicker than the reply that names its path. */
  readonly #known = new Map<string, Change>();
  readonly #waiters = new Map<string, (change: Change) => void>();
  /** Activations that were asked for and whose path nobody knows yet. */
  #asked = 0;

  constructor(call: Call, departure: Departure) {
    this.#call = call;
    this.#departure = departure;
  }

  /** StateChanged of an active connection. */
  onStateChanged(signal: Pick<BusSignal, 'path' | 'body'>): void {
    const [state, reason] = stateSignal.parse(signal.body);
    const waiter = this.#waiters.get(signal.path);
    if (waiter) waiter({ state, reason });
    else if (state === ActiveState.deactivated && this.#asked === 0) this.#known.delete(signal.path);
    else this.#known.set(signal.path, { state, reason });
  }

  forgetAll(): void {
    this.#known.clear();
    this.#waiters.clear();
  }

  /**
   * Activates and waits for the outcome. `device` is `/` for a device that NetworkManager makes.
   * Throws `activation-failed`, `deadline-exceeded`, or as `Call`.
   */
  async activate(profilePath: string, device: string, deadlineMs: number): Promise<void> {
    await withDeadline(deadlineMs, 'activation by NetworkManager', async (signal) => {
      const body = [profilePath, device, '/'];
      // From the call on: that NetworkManager has gone may be told in one piece with its reply.
      const end = await this.#departure.whileThere(this.#run(body, deadlineMs, signal));
      if (end.state === ActiveState.activated) return;
      const text = `NetworkManager gave up the activation (reason ${end.reason})`;
      throw new AgentError('activation-failed', text);
    });
  }

  async #run(body: unknown[], deadlineMs: number, signal: AbortSignal): Promise<Change> {
    let outcome: Promise<Change>;
    this.#asked++;
    try {
      const reply = await this.#call(NM_PATH, NM, 'ActivateConnection', 'ooo', body, deadlineMs);
      outcome = this.#outcome(pathReply.parse(reply)[0], signal);
    } finally {
      this.#asked--;
      if (this.#asked === 0) this.#forgetEnds();
    }
    return outcome;
  }

  /** Those that nobody has asked for, such as of guests that stop, would be kept for good. */
  #forgetEnds(): void {
    for (const [path, { state }] of this.#known)
      if (state === ActiveState.deactivated) this.#known.delete(path);
  }

  /** Settles when the active connection at `path` has come up or gone down. */
  #outcome(path: string, signal: AbortSignal): Promise<Change> {
    return new Promise((resolve) => {
      const settle = (change: Change) => {
        if (!isEnd(change)) return;
        this.#waiters.delete(path);
        resolve(change);
      };
      this.#waiters.set(path, settle);
      signal.addEventListener('abort', () => this.#waiters.delete(path), { once: true });
      const known = this.#known.get(path);
      this.#known.delete(path);
      if (known) settle(known);
    });
  }
}
