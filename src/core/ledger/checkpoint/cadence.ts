// When the ledger's head is signed: soon after a block, at once around what is risky and after very many, and again after a failure.

export interface Cadence {
  /** A block has come. @param action what happened */
  tick(action: string): void;
  /** It could not be done: again after the usual time. */
  again(): void;
  stop(): void;
}

/** A burst is signed before its time, so that what waits in memory stays small. */
const BURST_BLOCKS = 10_000;

/**
 * What changes the host as a whole, and its end: who comes to see afterwards what went wrong finds a signed state before it and after it.
 * The intent is a block of its own, so the state before is signed while the change begins.
 */
const RISKY =
  /^(?:bridge_(?:create|restore)(?:d|_failed)?|config_reloaded|guest_withdrawn|gateway_closed|agent_stopped|ledger_(?!heartbeat)\w+)$/;

/** @param seconds how long a block waits at most */
export function openCadence(seconds: number, sign: () => void): Cadence {
  let timer: NodeJS.Timeout | undefined;
  let waiting = 0;
  let stopped = false;
  const go = () => {
    clearTimeout(timer);
    timer = undefined;
    waiting = 0;
    sign();
  };
  const arm = () => {
    if (!stopped) timer ??= setTimeout(go, seconds * 1000).unref();
  };
  return {
    tick(action) {
      waiting += 1;
      if ((waiting >= BURST_BLOCKS || RISKY.test(action)) && !stopped) go();
      else arm();
    },
    again: arm,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
