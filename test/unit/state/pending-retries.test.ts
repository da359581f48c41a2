// What fails is tried again, ever less often, and is told once.

import { describe, expect, it } from 'vitest';
import { openPendingRetries } from '../../../src/state/pending-retries.ts';

const hold = { port: 'vi101', bridge: 'ovsbr0', code: 'link-missing', reason: 'no device' } as const;

describe('troubles', () => {
  it('are tried again after 1, 2, 4 … seconds, at most five minutes', () => {
    const pendingRetries = openPendingRetries(() => 0);
    const waits = [...Array(10).keys()].map(() => {
      pendingRetries.note(hold);
      return pendingRetries.dueIn();
    });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000]);
  });

  it('are tried again every four seconds at least where somebody has to make room on a disk', () => {
    for (const code of ['ledger-write-failed', 'lease-write-failed'] as const) {
      const pendingRetries = openPendingRetries(() => 0);
      const waits = [...Array(6).keys()].map(() => {
        pendingRetries.note({ ...hold, code });
        return pendingRetries.dueIn();
      });
      expect(waits).toEqual([1000, 2000, 4000, 4000, 4000, 4000]);
    }
  });

  it('are news only the first time, and when the reason changes', () => {
    const pendingRetries = openPendingRetries(() => 0);
    expect(pendingRetries.note(hold)).toBe(true);
    expect(pendingRetries.note(hold)).toBe(false);
    expect(pendingRetries.note({ ...hold, reason: 'another' })).toBe(true);
  });

  it('are tried again when something else says so, and counted only then', () => {
    const pendingRetries = openPendingRetries(() => 0);
    for (const until of [700, 500]) {
      pendingRetries.note({ ...hold, until });
      expect(pendingRetries.dueIn()).toBe(until);
    }
    expect(pendingRetries.all()).toMatchObject([{ attempts: 1 }]);
  });

  it('wait for as long when the date is changed meanwhile, and say when that is by the new one', () => {
    let steady = 1_000_000;
    let date = Date.UTC(2026, 10, 29, 12);
    const pendingRetries = openPendingRetries(
      () => steady,
      () => date,
    );
    pendingRetries.note(hold);
    expect(pendingRetries.all()).toMatchObject([
      { since: '2026-11-29T12:00:00.000Z', nextTry: '2026-11-29T12:00:01.000Z' },
    ]);
    for (const year of [1970, 2026, 2038]) {
      date = Date.UTC(year, 5, 1);
      expect(pendingRetries.isWaiting(hold.port)).toBe(true);
      expect(pendingRetries.dueIn()).toBe(1000);
      expect(pendingRetries.all()).toMatchObject([{ nextTry: `${year}-06-01T00:00:01.000Z` }]);
    }
    steady += 1000;
    expect(pendingRetries.isWaiting(hold.port)).toBe(false);
    expect(pendingRetries.dueIn()).toBe(0);
  });

  it('are over once the port is there', () => {
    const pendingRetries = openPendingRetries(() => 0);
    pendingRetries.note(hold);
    pendingRetries.clear('vi101');
    expect(pendingRetries.all()).toEqual([]);
    expect(pendingRetries.dueIn()).toBeUndefined();
  });
});
