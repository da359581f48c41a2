// What fails is tried again, ever less often, and is told once.

import { describe, expect, it } from 'vitest';
import { openTroubles } from '../../../src/state/pending-retries.ts';

const hold = { port: 'vi101', bridge: 'ovsbr0', code: 'link-missing', reason: 'no device' } as const;

describe('troubles', () => {
  it('are tried again after 1, 2, 4 … seconds, at most five minutes', () => {
    const troubles = openTroubles(() => 0);
    const waits = [...Array(10).keys()].map(() => {
      troubles.note(hold);
      return troubles.dueIn();
    });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000]);
  });

  it('are news only the first time, and when the reason changes', () => {
    const troubles = openTroubles(() => 0);
    expect(troubles.note(hold)).toBe(true);
    expect(troubles.note(hold)).toBe(false);
    expect(troubles.note({ ...hold, reason: 'another' })).toBe(true);
  });

  it('are tried again when something else says so, and counted only then', () => {
    const troubles = openTroubles(() => 0);
    for (const until of [700, 500]) {
      troubles.note({ ...hold, until });
      expect(troubles.dueIn()).toBe(until);
    }
    expect(troubles.all()).toMatchObject([{ attempts: 1 }]);
  });

  it('wait for as long when the date is changed meanwhile, and say when that is by the new one', () => {
    let steady = 1_000_000;
    let date = Date.UTC(2026, 10, 29, 12);
    const troubles = openTroubles(
      () => steady,
      () => date,
    );
    troubles.note(hold);
    expect(troubles.all()).toMatchObject([
      { since: '2026-11-29T12:00:00.000Z', nextTry: '2026-11-29T12:00:01.000Z' },
    ]);
    for (const year of [1970, 2026, 2038]) {
      date = Date.UTC(year, 5, 1);
      expect(troubles.isWaiting(hold.port)).toBe(true);
      expect(troubles.dueIn()).toBe(1000);
      expect(troubles.all()).toMatchObject([{ nextTry: `${year}-06-01T00:00:01.000Z` }]);
    }
    steady += 1000;
    expect(troubles.isWaiting(hold.port)).toBe(false);
    expect(troubles.dueIn()).toBe(0);
  });

  it('are over once the port is there', () => {
    const troubles = openTroubles(() => 0);
    troubles.note(hold);
    troubles.clear('vi101');
    expect(troubles.all()).toEqual([]);
    expect(troubles.dueIn()).toBeUndefined();
  });
});
