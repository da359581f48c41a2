// How long ago something was, whatever is done to the host's clock meanwhile.

/** Two clocks: one that people read and somebody sets, and one that only goes on. */
export interface Clocks {
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly steady: () => number;
}

export interface Moment {
  /** Milliseconds; never negative. */
  ageMs(): number;
  /** RFC 3339: as it was written, or, when the clock was set since then, as the clock counts now. */
  at(): string;
}

/** Milliseconds of the epoch; nothing that an agent wrote is older. An earlier time is that of a clock that was never set. */
export const CLOCK_SET = Date.parse('2020-01-01T00:00:00Z');

/** What a clock that is slewed may be off, in ms. */
const SLEW_MS = 60_000;

const textOf = (ms: number) => new Date(ms).toISOString();

/** Of this moment. */
export const momentNow = (clocks: Clocks): Moment => momentOf(clocks, textOf(clocks.now()));

/**
 * Of a moment that was written down just now, or by a process before this one. It is as old as the clock has said at the time when it said least, and
 * what has passed since then: one that lies ahead, as the clock was set back, is taken for new.
 */
export function momentOf({ now, steady }: Clocks, written: string): Moment {
  const then = Date.parse(written);
  const begun = steady();
  let before = then >= CLOCK_SET ? Number.POSITIVE_INFINITY : 0;
  const ageMs = () => {
    const passed = steady() - begun;
    before = Math.min(before, Math.max(0, now() - then - passed) || 0);
    return before + passed;
  };
  ageMs();
  return {
    ageMs,
    at() {
      const said = now() - ageMs();
      return Math.abs(said - then) <= SLEW_MS ? written : textOf(said);
    },
  };
}
