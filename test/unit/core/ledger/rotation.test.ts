// When the ledger's file is sealed: by its size, or by the age of its first block.

import { describe, expect, it } from 'vitest';
import { newRotation } from '../../../../src/core/ledger/rotation.ts';

/** Of the steady clock. */
const START = 5000;
const HOUR = 3_600_000;
const limits = { bytes: 1000, ageMs: 24 * HOUR };

describe('a file of the ledger', () => {
  it('is sealed once it is big enough', () => {
    const rotation = newRotation(limits, START);
    expect([999, 1000, 5000].map((size) => rotation.isDue(size, START))).toEqual([false, true, true]);
  });

  it('is sealed once its first block is old enough, however small it is', () => {
    const rotation = newRotation(limits, undefined);
    rotation.wrote(START);
    rotation.wrote(START + 20 * HOUR);
    expect([23, 24].map((hours) => rotation.isDue(1, START + hours * HOUR))).toEqual([false, true]);
    rotation.sealed();
    rotation.wrote(START + 24 * HOUR);
    expect(rotation.isDue(1, START + 25 * HOUR)).toBe(false);
  });

  it('is never sealed while it has no block', () => {
    expect(newRotation(limits, undefined).isDue(0, START + 1000 * HOUR)).toBe(false);
    expect(newRotation({ bytes: 0, ageMs: 0 }, START).isDue(0, START)).toBe(false);
  });

  it('that could not be sealed is tried again a minute later', () => {
    const rotation = newRotation(limits, START);
    rotation.failed(START);
    expect([0, 59_999, 60_000].map((ms) => rotation.isDue(1000, START + ms))).toEqual([false, false, true]);
  });
});
