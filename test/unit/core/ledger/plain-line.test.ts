// The quick recogniser of good lines never takes one that strict verification would refuse.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CATEGORIES } from '../../../../src/core/ledger/categories.ts';
import { checkStrict } from '../../../../src/core/ledger/check-line.ts';
import { type Entry, makeDraft } from '../../../../src/core/ledger/draft.ts';
import { blockText, formatLine } from '../../../../src/core/ledger/line.ts';
import { plainLines } from '../../../../src/core/ledger/plain-line.ts';
import type { Json } from '../../../../src/core/lib/json.ts';

const ORIGIN = { hostname: 'pve1', bootId: 'b-1', pid: 812, user: 'root' };

function lineOf(entry: Entry, ms = Date.parse('2026-11-23T08:30:32.123Z')): string {
  return formatLine(blockText(makeDraft(entry, ORIGIN, 41, ms), 42, 'ab'.repeat(32))).line.slice(0, -1);
}

function isPlain(line: string | Buffer): boolean {
  const bytes = Buffer.concat([Buffer.from('x\n'), Buffer.from(line), Buffer.from('\n')]);
  return plainLines()(bytes, 2, bytes.length - 1);
}

function isStrict(line: string | Buffer): boolean {
  const bytes = Buffer.from(line);
  return checkStrict(bytes, 0, bytes.length) === undefined;
}

const keys = fc.constantFrom('a', 'b', 'ab', 'a b', 'a"', 'a\\', 'a\n', 'Z', '__proto__', '', '10', '9', 'é');
const leaves = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.string(),
  keys,
);
const data = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaves,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(keys, tie('value')),
  ),
})).value;

const entries = fc
  .record({
    category: fc.constantFrom(...CATEGORIES),
    action: fc.constantFrom('port_attached', 'a.b:c-d'),
    data,
    metadata: fc.dictionary(keys, fc.oneof(keys, fc.string())),
    user: fc.constantFrom('root', 'a"b', 'é', 'x'.repeat(255)),
    cause: fc.constantFrom(null, 1, 41),
  })
  .filter((entry) => accepts(entry));

function accepts(entry: Entry): boolean {
  try {
    lineOf(entry);
    return true;
  } catch {
    return false;
  }
}

const pieces = [
  '0',
  '-',
  '.5',
  'e2',
  ' ',
  '"',
  '\\',
  '\\u0067',
  '\\/',
  ',',
  '{}',
  '[]',
  ':',
  '"a":1,',
  'null',
  '\u007f',
  '\u0000',
  'é',
];
const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(3),
    put: fc.constantFrom('', ...pieces),
  }),
  { maxLength: 2 },
);

describe('the quick recogniser', () => {
  it('takes no line that strict verification refuses', () => {
    let taken = 0;
    fc.assert(
      fc.property(entries, edits, (entry, changes) => {
        let line = lineOf(entry);
        for (const { at, cut, put } of changes) {
          const from = Math.floor(at * line.length);
          line = line.slice(0, from) + put + line.slice(from + cut);
        }
        if (!isPlain(line)) return;
        taken += 1;
        expect(isStrict(line), line).toBe(true);
      }),
      { numRuns: 1000 },
    );
    expect(taken).toBeGreaterThan(10);
  });

  it.each([
    ['"pid":812', '"pid":4294967296'],
    ['"pid":812', '"pid":-1'],
    ['"pid":812', '"pid":0812'],
    ['"pid":812', '"pid":-0'],
    ['"cause":7', '"cause":42'],
    ['"cause":7', '"cause":0'],
    ['"cause":7', '"cause":nul'],
    ['"user":"root"', '"user":""'],
    ['"user":"root"', `"user":"${'x'.repeat(256)}"`],
    ['"producer":"network"', '"producer":"user"'],
    ['"category":"port"', '"category":"weather"'],
    ['"category":"port"', '"category":"constructor"'],
    ['"action":"a"', '"action":""'],
    ['2026-11-23', '2026-02-30'],
    ['2026-11-23', '2026-11-31'],
    ['2026-11-23', '2026-00-23'],
    ['T08:30', 'T24:00'],
    [':32.123Z', ':60.123Z'],
    ['.123Z', '.1234Z'],
    ['"metadata":{"k":"v"}', '"metadata":{"k":1}'],
    ['"metadata":{"k":"v"}', '"metadata":[]'],
    ['"data":{"a":1,"b":2}', '"data":{"b":2,"a":1}'],
    ['"data":{"a":1,"b":2}', '"data":{"a":1,"a":2}'],
    ['"data":{"a":1,"b":2}', '"data":{"a":1,"b":2,}'],
    ['"data":{"a":1,"b":2}', '"data":9007199254740992'],
    ['"data":{"a":1,"b":2}', `"data":${'['.repeat(65)}${']'.repeat(65)}`],
    ['"version":1', '"version":2'],
  ])('does not take %s as %s', (from, to) => {
    const entry: Entry = {
      category: 'port',
      action: 'a',
      data: { a: 1, b: 2 },
      metadata: { k: 'v' },
      cause: 7,
    };
    const line = lineOf(entry);
    expect([isPlain(line), isStrict(line)]).toEqual([true, true]);
    const changed = line.replace(from, to);
    expect(changed).not.toBe(line);
    expect([isPlain(changed), isStrict(changed)]).toEqual([false, false]);
  });

  it('takes what agents usually write', () => {
    const guest = {
      name: 'web 1',
      kind: 'docker',
      vmid: 100,
      tags: [null, true, false, 'a "b"\n', []],
      none: {},
    };
    expect(
      isPlain(lineOf({ category: 'lifecycle', action: 'guest_started', data: { guest, n: -5, z: 0 } })),
    ).toBe(true);
  });

  it('leaves leap days and text beyond ASCII to the slow way, which takes them', () => {
    const leap = lineOf({ category: 'port', action: 'a', data: null }, Date.parse('2028-02-29T00:00:00Z'));
    const accent = lineOf({ category: 'port', action: 'a', data: 'é' });
    expect([isPlain(leap), isStrict(leap), isPlain(accent), isStrict(accent)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it('takes data of 64 levels, as they may be appended', () => {
    const deep = JSON.parse('['.repeat(64) + ']'.repeat(64)) as Json;
    const line = lineOf({ category: 'port', action: 'a', data: deep });
    expect([isPlain(line), isStrict(line)]).toEqual([true, true]);
  });
});

it('a line of another shape is left to the slow way', () => {
  const line = lineOf({ category: 'port', action: 'a', data: null });
  for (const other of ['', '{}', line.replace('"data":null', '"data":?')]) {
    expect([isPlain(other), isStrict(other)]).toEqual([false, false]);
  }
});
