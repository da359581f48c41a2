// The state of the leases: changed in memory only once the change is on disk, all that wait in one write.

import { AgentError } from '../../core/lib/errors.ts';
import type { LeaseState } from './lease-state.ts';

interface Change {
  /** From state to state; throws when the change cannot be. */
  apply: (state: LeaseState) => LeaseState;
  settle: (failure?: unknown) => void;
}

export class LeaseWriter {
  readonly #path: string;
  readonly #save: (path: string, state: LeaseState) => Promise<void>;
  #onDisk: LeaseState;
  #state: LeaseState;
  #waiting: Change[] = [];
  #isWriting = false;

  constructor(
    file: { path: string; save: (path: string, state: LeaseState) => Promise<void> },
    begin: { onDisk: LeaseState; state: LeaseState },
  ) {
    this.#path = file.path;
    this.#save = file.save;
    this.#onDisk = begin.onDisk;
    this.#state = begin.state;
  }

  get state(): LeaseState {
    return this.#state;
  }

  /** Throws what `make` throws, and `lease-write-failed` when nothing has changed. */
  change<T>(make: (state: LeaseState) => { state: LeaseState; value: T }): Promise<T> {
    return new Promise((resolve, reject) => {
      let made: { value: T } | undefined;
      this.#waiting.push({
        apply: (before) => {
          const { state: after, value } = make(before);
          made = { value };
          return after;
        },
        settle: (failure) =>
          made === undefined || failure !== undefined ? reject(failure) : resolve(made.value),
      });
      if (!this.#isWriting) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    // Whoever asks in the same turn is in the first batch already.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#writeBatch();
    this.#isWriting = false;
  }

  /** Applies all that waits and writes it once; what comes in meanwhile waits for the next write. */
  async #writeBatch(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    let next = this.#state;
    const applied: Change[] = [];
    for (const change of batch) {
      try {
        next = change.apply(next);
        applied.push(change);
      } catch (error) {
        change.settle(error);
      }
    }
    try {
      if (applied.length > 0 && next !== this.#onDisk) await this.#save(this.#path, next);
    } catch (cause) {
      const failure = new AgentError('lease-write-failed', `${this.#path} cannot be written`, { cause });
      for (const change of applied) change.settle(failure);
      return;
    }
    if (applied.length > 0) this.#onDisk = next;
    this.#state = next;
    for (const change of applied) change.settle();
  }
}
