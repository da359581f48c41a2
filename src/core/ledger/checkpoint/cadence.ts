// When the ledger's head is signed: soon after a block, at once after very many, and again after a failure.

export interface Cadence {
  /** A block has come. */
  tick(): void;
  /** It could not be done: again after the usual time. */
  again(): void;
  stop(): void;
}

/** A burst is signed before its time, so that what waits in memory stays small. */
const BURST_BLOCKS = 10_000;

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
    tick() {
      waiting += 1;
      if (waiting >= BURST_BLOCKS && !stopped) go();
      else arm();
    },
    again: arm,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
