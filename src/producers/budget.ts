// How often something may be recorded: so many at once, then one in so many milliseconds.

export interface Budget {
  /** Whether one more is within it; then it is taken. */
  take(): boolean;
  /** Milliseconds until one more will be; 0 when it is now. */
  waitMs(): number;
}

/** @param steady milliseconds of a clock that never jumps */
export function openBudget(burst: number, everyMs: number, steady: () => number): Budget {
  let left = burst;
  let at = steady();
  const refill = () => {
    const now = steady();
    const gained = Math.floor((now - at) / everyMs);
    left = Math.min(burst, left + gained);
    at = left === burst ? now : at + gained * everyMs;
  };
  return {
    take() {
      refill();
      if (left === 0) return false;
      left -= 1;
      return true;
    },
    waitMs() {
      refill();
      return left > 0 ? 0 : Math.max(1, Math.ceil(at + everyMs - steady()));
    },
  };
}
