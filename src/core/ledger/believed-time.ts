// What time it is for what cannot be undone: a clock that was set forward is believed when it has said the same for three days.

import { z } from 'zod';
import type { Clocks } from '../lib/moment.ts';
import { loadState, saveState } from '../lib/state-file.ts';

const DAY_MS = 86_400_000;
/** So long an agent has to run with a clock that says the same. A weekend, and whoever set it wrong has come back. */
const SETTLED_MS = 3 * DAY_MS;
/** A clock that is this near to what it should say by now still says the same. */
const SAME_MS = 3_600_000;
/** No clock of a host that works gains a hundredth. */
const GAIN = 0.01;

const beliefSchema = z.object({
  /** Milliseconds of the epoch; null: none yet. */
  at: z.number().nullable(),
  /** What the clock says instead, and for how many milliseconds it has. */
  claim: z.object({ at: z.number(), ran: z.number() }).nullable(),
});

export type Belief = z.infer<typeof beliefSchema>;

const NONE: Belief = { at: null, claim: null };

/**
 * Pure. What the clock says is believed at once where it is no later than it can be; what is earlier keeps more, and is no danger.
 *
 * @param wall milliseconds of the epoch, as the clock says
 * @param ran milliseconds since the time before, of a clock that nobody sets; 0 after a start
 */
export function believe({ at, claim }: Belief, wall: number, ran: number): Belief {
  if (at !== null && wall <= at + ran * (1 + GAIN)) return { at: wall, claim: null };
  const isSame = claim !== null && Math.abs(wall - claim.at - ran) <= SAME_MS;
  const next = { at: wall, ran: isSame ? claim.ran + ran : 0 };
  if (next.ran >= SETTLED_MS) return { at: wall, claim: null };
  return { at: at === null ? null : at + ran, claim: next };
}

export interface BelievedTime {
  /** Milliseconds of the epoch; undefined: not known yet. Rejects with what the disk throws. */
  look(): Promise<number | undefined>;
}

/** @param path where it is kept over restarts @param onProblem told of a file that is not understood */
export function openBelievedTime(
  path: string,
  { now, steady }: Clocks,
  onProblem: (error: unknown) => void,
): BelievedTime {
  let belief: Belief | undefined;
  let looked = 0;
  return {
    async look() {
      const at = steady();
      if (belief === undefined) {
        const kind = { schema: beliefSchema, empty: NONE, contradiction: () => undefined };
        const { state, problem } = await loadState(kind, path, now());
        if (problem !== undefined) onProblem(new Error(problem));
        belief = state;
        looked = at;
      }
      belief = believe(belief, now(), at - looked);
      looked = at;
      await saveState(path, belief);
      return belief.at ?? undefined;
    },
  };
}
