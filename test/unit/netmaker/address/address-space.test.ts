// Laws of addresses as numbers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../../../src/core/lib/cidr.ts';
import { addressText, lowestFree } from '../../../../src/netmaker/address/address-space.ts';

const group = fc.oneof(fc.constant(0n), fc.constant(0n), fc.bigInt({ min: 0n, max: 0xffffn }));
const six = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((sum, each) => (sum << 16n) | each, 0n));

describe('the text of an address', () => {
  it('is canonical, and is that address', () => {
    const four = fc.bigInt({ min: 0n, max: 0xffffffffn }).map((value) => ({ family: 4 as const, value }));
    const any = fc.oneof(
      four,
      six.map((value) => ({ family: 6 as const, value })),
    );
    fc.assert(
      fc.property(any, ({ family, value }) => {
        const text = addressText(family, value);
        expect(parseIp(text)).toEqual({ family, value, text });
      }),
      { numRuns: 500 },
    );
  });
});

describe('the lowest free address', () => {
  it('is the one that counting would find', () => {
    const range = fc.tuple(fc.nat(40), fc.nat(12)).map(([first, more]) => ({
      family: 4 as const,
      first: BigInt(first),
      last: BigInt(first + more),
    }));
    const taken = fc.uniqueArray(fc.nat(40));
    fc.assert(
      fc.property(range, fc.array(range, { maxLength: 5 }), taken, (within, ranges, numbers) => {
        const texts = new Set(numbers.map((n) => addressText(4, BigInt(n))));
        const free = Array.from({ length: 60 }, (_, n) => BigInt(n)).find(
          (n) =>
            n >= within.first &&
            n <= within.last &&
            !numbers.includes(Number(n)) &&
            !ranges.some(({ first, last }) => first <= n && n <= last),
        );
        const found = lowestFree(within, ranges, (text) => texts.has(text));
        expect(found).toBe(free === undefined ? undefined : addressText(4, free));
      }),
      { numRuns: 500 },
    );
  });
});
