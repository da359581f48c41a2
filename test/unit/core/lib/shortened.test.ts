import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shortened } from '../../../../src/core/lib/shortened.ts';

it('a text that was cut says so, never has half a character, and one that fits is as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 20 }), (text, max) => {
      const cut = shortened(text, max);
      expect(cut.length).toBeLessThanOrEqual(max);
      if (text.length <= max) expect(cut).toBe(text);
      else expect(cut.endsWith('…')).toBe(true);
    }),
  );
  expect(shortened('ab😀', 3)).toBe('ab…');
  expect(shortened('a😀b', 3)).toBe('a…');
});
