// Canonical JSON: the vectors of RFC 8785, and what the narrowing refuses.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, MAX_DEPTH } from '../../../../src/core/ledger/canonical.ts';
import type { Json } from '../../../../src/core/lib/json.ts';

describe('canonical text', () => {
  it('sorts keys by UTF-16 code units (RFC 8785 §3.2.3)', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const text = canonical(Object.fromEntries(keys.map((key) => [key, 0])));
    expect(Object.keys(JSON.parse(`{${text.slice(1, -1)}}`)).length).toBe(7);
    const order = ['\\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    expect(text).toBe(`{${order.map((key) => `"${key}":0`).join(',')}}`);
  });

  it('escapes as little as possible (§3.2.2.2)', () => {
    expect(canonical('\u20ac$\u000f\nA\'B"\\"/\u007f\u2028')).toBe(
      '"€$\\u000f\\nA\'B\\"\\\\\\"/\u007f\u2028"',
    );
    expect(canonical('\b\t\f\r\u0000\u001f')).toBe('"\\b\\t\\f\\r\\u0000\\u001f"');
  });

  it.each([
    [0, '0'],
    [333333333.3333333, '333333333.3333333'],
    [4.5, '4.5'],
    [2e-3, '0.002'],
    [1e-27, '1e-27'],
    [5e-324, '5e-324'],
    [-5e-324, '-5e-324'],
    [9007199254740991, '9007199254740991'],
    [-9007199254740991, '-9007199254740991'],
    [1e-7, '1e-7'],
    [0.000001, '0.000001'],
  ])('writes the number %d as ECMAScript does (§3.2.2.3)', (value, text) => {
    expect(canonical(value)).toBe(text);
  });

  it('keeps a key named __proto__', () => {
    expect(canonical(JSON.parse('{"b":1,"__proto__":{"x":2}}'))).toBe('{"__proto__":{"x":2},"b":1}');
  });

  it('means what it was made from, and is the same again', () => {
    const text = fc.string({ unit: 'grapheme' });
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => accepts(value));
    const leaf = fc.oneof(text, number, fc.integer(), fc.boolean(), fc.constant(null));
    const { value: safe } = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(text, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(safe, (value) => {
        const written = canonical(value);
        expect(canonical(JSON.parse(written))).toBe(written);
        expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('what readers disagree about is refused', () => {
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['undefined inside', { a: undefined }],
    ['a BigInt', 1n],
    ['NaN', Number.NaN],
    ['infinity', Number.NEGATIVE_INFINITY],
    ['an integer beyond 2^53', 2 ** 53],
    ['1e21', 1e21],
    ['negative zero', -0],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['a Date', new Date(0)],
    ['a Map', new Map()],
    ['a function', () => 1],
    ['a hole in an array', new Array(1)],
  ])('%s', (_what, value) => {
    expect(() => canonical(value as Json)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });

  it(`more than ${MAX_DEPTH} levels, however many more`, () => {
    expect(accepts(nested(MAX_DEPTH))).toBe(true);
    expect(accepts(nested(MAX_DEPTH + 1))).toBe(false);
    expect(accepts(nested(5000))).toBe(false);
  });
});

function nested(levels: number): Json {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels));
}

function accepts(value: Json): boolean {
  try {
    canonical(value);
    return true;
  } catch {
    return false;
  }
}
