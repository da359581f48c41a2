// The times in what is known of a witness, kept right when the host's clock is set: else it would seem silent for years, or never.

import { type Clocks, type Moment, momentOf } from '../../core/lib/moment.ts';
import type { WitnessState } from './witness-state.ts';

type Field = 'cosigned_at' | 'first_asked_at' | 'since';

export interface SteadyTimes {
  /** The state with its times as the clock counts now. */
  of(state: WitnessState): WitnessState;
  /** It has cosigned at this moment, whatever text the clock has for it: it may stand still. */
  cosigned(): void;
}

/** Of one witness. */
export function steadyTimes(clocks: Clocks): SteadyTimes {
  const kept = new Map<Field, { texts: readonly string[]; moment: Moment }>();
  const timeOf = (field: Field, text: string): string => {
    const before = kept.get(field);
    const { moment } = before?.texts.includes(text) ? before : { moment: momentOf(clocks, text) };
    const said = moment.at();
    kept.set(field, { texts: [text, said], moment });
    return said;
  };
  return {
    of: (state) => ({
      ...state,
      cosigned_at: state.cosigned_at && timeOf('cosigned_at', state.cosigned_at),
      first_asked_at: state.first_asked_at && timeOf('first_asked_at', state.first_asked_at),
      problem: state.problem && { ...state.problem, since: timeOf('since', state.problem.since) },
    }),
    cosigned: () => void kept.delete('cosigned_at'),
  };
}
