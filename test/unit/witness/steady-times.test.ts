// How long no witness has answered, while the host's clock jumps: by what has passed, never by what the clock says.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { witnessFaults } from '../../../src/diagnose/witness-faults.ts';
import { steadyTimes } from '../../../src/witness/client/steady-times.ts';
import { newWitnessState, type WitnessState } from '../../../src/witness/client/witness-state.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-11-30T12:00:00.000Z');

/** A clock that is set now and then, and may stand still. */
function jumping() {
  let ran = 0;
  let shown: number | undefined;
  let said = 0;
  return {
    now: () => shown ?? START + ran + said,
    steady: () => ran,
    step({ ms, to, stands }: { ms: number; to: number; stands: boolean }) {
      ran += ms;
      said = Math.max(to * HOUR, -START - ran);
      shown = stands ? (shown ?? START + ran + said) : undefined;
    },
  };
}

describe('a witness', () => {
  it('is silent when three hours have passed since it cosigned, and not before, however the clock jumps', () => {
    const step = fc.record({
      ms: fc.integer({ min: 0, max: 2 * HOUR }),
      to: fc.constantFrom(0, -24, 24 * 365, -500_000),
      stands: fc.boolean(),
      cosigns: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const clock = jumping();
        const time = () => new Date(clock.now()).toISOString();
        const times = steadyTimes(clock);
        let state: WitnessState = { ...newWitnessState('k', 'w', 'http://w/'), first_asked_at: time() };
        state = times.of(state);
        let last = 0;
        for (const each of steps) {
          clock.step(each);
          state = times.of(state);
          if (each.cosigns) {
            times.cosigned();
            state = times.of({ ...state, cosigned_at: time() });
            last = clock.steady();
          }
          const passed = clock.steady() - last;
          const faults = witnessFaults({ states: [times.of(state)], everySeconds: 3600 }, clock.now());
          // The clock may be off by a minute before it counts as set.
          if (Math.abs(passed - 3 * HOUR) > 60_000)
            expect(faults.map(({ fault }) => fault)).toEqual(passed > 3 * HOUR ? ['witness-silent'] : []);
          for (const { text } of faults) {
            const since = Date.parse(/since (\S+?)[, ]/.exec(text)?.[1] ?? '');
            expect(Math.abs(clock.now() - passed - since)).toBeLessThanOrEqual(60_000);
          }
        }
      }),
    );
  });

  it('that cosigned by a clock of 1970 before this start is asked anew, and not called silent for years', () => {
    const clock = jumping();
    const state = {
      ...newWitnessState('k', 'w', null),
      cosigned_at: '1970-01-01T00:00:09.000Z',
      problem: { kind: 'silent', text: 'no route', since: '1970-01-01T00:01:00.000Z' },
    } as const;
    expect(steadyTimes(clock).of(state)).toMatchObject({
      cosigned_at: new Date(START).toISOString(),
      first_asked_at: null,
      problem: { since: new Date(START).toISOString() },
    });
  });
});
