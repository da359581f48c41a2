// What time it is for what cannot be undone, and how long ago something was, while the host's clock jumps.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Belief, believe, openBelievedTime } from '../../../../src/core/ledger/believed-time.ts';
import { momentNow, momentOf } from '../../../../src/core/lib/moment.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse('2026-11-30T10:00:00Z');
const NONE: Belief = { at: null, claim: null };

/** Where the clock stands, in hours beside the right time; 1970 is some half a million of them. */
const offset = fc.oneof(
  fc.constantFrom(-24, 24 * 365, -498_000, 0),
  fc.double({ min: -500_000, max: 500_000, noNaN: true }),
);

describe('the time that is believed', () => {
  it('is the clock, once that has said the same for three days, and from then on with every look', () => {
    let belief = NONE;
    for (let hours = 0; hours < 100; hours++) {
      belief = believe(belief, START + hours * HOUR, hours === 0 ? 0 : HOUR);
      expect(belief.at).toBe(hours < 72 ? null : START + hours * HOUR);
    }
  });

  it('is never later than the right one, whatever a clock says for less than three days', () => {
    const wrong = fc.array(fc.tuple(offset, fc.integer({ min: 1, max: 71 })), { maxLength: 20 });
    fc.assert(
      fc.property(wrong, (stays) => {
        let time = START;
        let belief: Belief = { at: START, claim: null };
        const look = (said: number) => {
          time += HOUR;
          belief = believe(belief, said === 0 ? time : time + said * HOUR, HOUR);
          // A hundredth is what a clock may gain.
          expect((belief.at ?? 0) - time).toBeLessThanOrEqual((time - START) / 100);
        };
        for (const [said, hours] of stays) {
          for (let n = 0; n < hours; n++) look(said);
          look(0);
          look(-1000);
        }
        for (let n = 0; n < 74; n++) look(0);
        expect(belief).toEqual({ at: time, claim: null });
      }),
    );
  });

  it('waits three days of running after the host was off, over any number of starts', () => {
    let belief: Belief = { at: START, claim: null };
    let time = START + 90 * DAY;
    for (let days = 0; days < 3; days++) {
      belief = believe(belief, time, 0);
      for (let n = 0; n < 24; n++, time += HOUR) belief = believe(belief, time + HOUR, HOUR);
      time += 60_000;
      expect(belief.at === null ? 0 : belief.at < START + 4 * DAY).toBe(days < 2);
    }
    expect(belief.at).toBeGreaterThan(START + 90 * DAY);
  });

  it('is kept over a start, and a file that is not understood is put aside', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'opa-clock-'));
    const path = join(directory, 'clock.json');
    const problems: string[] = [];
    let time = START;
    const clocks = { now: () => time, steady: () => time - START };
    const opened = () => openBelievedTime(path, clocks, (error) => problems.push(String(error)));
    try {
      const first = opened();
      expect(await first.look()).toBe(undefined);
      time += 3 * DAY;
      expect(await first.look()).toBe(time);
      expect(await opened().look()).toBe(time);
      time -= HOUR;
      expect(await opened().look()).toBe(time);
      expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ at: time, claim: null });
      expect(problems).toEqual([]);
      writeFileSync(path, '{"at":"noon"}');
      expect(await opened().look()).toBe(undefined);
      expect(problems).toEqual([expect.stringContaining('is not understood')]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('a moment', () => {
  it('of this process is as old as the steady clock says, however the other one jumps', () => {
    const steps = fc.array(fc.tuple(offset, fc.integer({ min: 0, max: 5 * HOUR })), { minLength: 1 });
    fc.assert(
      fc.property(offset, steps, (begin, jumps) => {
        let ran = 0;
        let said = begin;
        const clocks = { now: () => START + ran + Math.round(said * HOUR), steady: () => ran };
        const moment = momentNow(clocks);
        for (const [next, ms] of jumps) {
          ran += ms;
          said = next;
          expect(moment.ageMs()).toBe(ran);
          const off = Date.parse(moment.at()) - (clocks.now() - ran);
          expect(Math.abs(off)).toBeLessThanOrEqual(60_000);
        }
      }),
    );
  });

  it('that was written before is as old as the clock says, and new when it lies ahead or is of no time', () => {
    let ran = 0;
    let time = START;
    const clocks = { now: () => time, steady: () => ran };
    const ago = (ms: number) => momentOf(clocks, new Date(START - ms).toISOString());
    expect([5 * HOUR, 0, -DAY, START - 12].map((ms) => ago(ms).ageMs())).toEqual([5 * HOUR, 0, 0, 0]);
    expect(momentOf(clocks, 'noon').ageMs()).toBe(0);
    const moment = ago(5 * HOUR);
    expect(moment.at()).toBe(new Date(START - 5 * HOUR).toISOString());
    // Forward by a year, and back again.
    ran += HOUR;
    time += HOUR + 365 * DAY;
    expect(moment.ageMs()).toBe(6 * HOUR);
    time -= 365 * DAY;
    expect(moment.ageMs()).toBe(6 * HOUR);
    expect(moment.at()).toBe(new Date(START - 5 * HOUR).toISOString());
  });
});
