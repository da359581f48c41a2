// SHA-256 by either way that a Node may have.

import { createHash, hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256With } from '../../../../src/core/ledger/sha256.ts';

it('is the same with the quick way of a new Node and without it', () => {
  const [quick, slow] = [sha256With(hash), sha256With(undefined)];
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array()), (data) => {
      expect(slow(data)).toBe(quick(data));
      expect(quick(data)).toBe(createHash('sha256').update(data).digest('hex'));
    }),
  );
});
