// Waiting for something of NetworkManager: for its next event, and no longer than it is there.

import type { AgentError } from '../lib/errors.ts';

/** Those who wait for the next event of a kind; each of them for one. */
export class NextEvent {
  readonly #waiting = new Set<() => void>();

  /** Resolves with the next `happened`, or when the signal is aborted: then `throwIfAborted` tells. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  happened(): void {
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }
}

/** Nothing that NetworkManager was asked for comes any more once it has gone. */
export class Departure {
  readonly #leavers = new Set<(error: AgentError) => void>();

  /** What `work` comes to, or throws what `leave` was called with meanwhile. */
  async whileThere<T>(work: Promise<T>): Promise<T> {
    let leave: (error: AgentError) => void = () => {};
    const gone = new Promise<never>((_, reject) => {
      leave = reject;
    });
    this.#leavers.add(leave);
    try {
      return await Promise.race([work, gone]);
    } finally {
      this.#leavers.delete(leave);
    }
  }

  /** Calls `listener` at each departure until the function that it returns is called. */
  onLeave(listener: () => void): () => void {
    this.#leavers.add(listener);
    return () => void this.#leavers.delete(listener);
  }

  leave(error: AgentError): void {
    for (const leave of this.#leavers) leave(error);
  }
}
