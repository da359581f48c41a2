// A block as a line: canonical as a whole, hashed over its own bytes, and found again by bytes alone.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_BLOCK_BYTES, NO_HASH } from '../../../../src/core/ledger/block.ts';
import { canonical } from '../../../../src/core/ledger/canonical.ts';
import { CATEGORIES } from '../../../../src/core/ledger/categories.ts';
import { type Entry, makeDraft } from '../../../../src/core/ledger/draft.ts';
import { blockText, formatLine, parseLine } from '../../../../src/core/ledger/line.ts';
import {
  findHeight,
  findPrevHash,
  hasHash,
  isFramed,
  readSummary,
} from '../../../../src/core/ledger/line-bytes.ts';
import { renderFlat } from '../../../../src/core/ledger/render.ts';

const ORIGIN = { hostname: 'pve1', bootId: 'b-1', pid: 7, user: 'root' };
const AT = Date.parse('2026-11-23T08:30:32.123Z');

const entries = fc.record({
  category: fc.constantFrom(...CATEGORIES),
  action: fc.constantFrom('port_attached', 'a', 'x.y:z-1'),
  data: fc.dictionary(nasty(), fc.oneof(nasty(), fc.integer())),
  metadata: fc.dictionary(nasty(), nasty()),
  user: nasty().filter((name) => name.length > 0),
});

// Strings that look like the structure a byte scanner searches for.
function nasty() {
  const bait = [
    '"prev_hash":"',
    '"height":7',
    '\\"height":',
    'height',
    'prev_hash',
    ',"hash":"',
    '\n',
    '"}',
    '\\',
    'é😀',
  ];
  return fc
    .array(fc.oneof(fc.constantFrom(...bait), fc.string({ maxLength: 5 })), { maxLength: 4 })
    .map((parts) => parts.join(''));
}

function lineOf(entry: Entry, height = 42, prevHash = 'ab'.repeat(32)) {
  return formatLine(blockText(makeDraft(entry, ORIGIN, 41, AT), height, prevHash));
}

describe('a line', () => {
  it('is canonical JSON as a whole', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const { line } = lineOf(entry);
        expect(line).toBe(`${canonical(JSON.parse(line))}\n`);
      }),
    );
  });

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const { line, hash } = lineOf(entry);
        const block = parseLine(line);
        expect(block).toMatchObject({
          hash,
          height: 42,
          category: entry.category,
          user: entry.user,
          version: 1,
        });
        expect(canonical(block.data)).toBe(canonical(entry.data));
      }),
    );
  });

  it('shows its hash, prev_hash, height and summary to a scanner of bytes, whatever its strings hold', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 2 ** 53 - 1 }), (entry, height) => {
        const { line, hash } = lineOf(entry, height);
        const bytes = Buffer.from(`x\n${line}`);
        const end = bytes.length - 1;
        expect(isFramed(bytes, 2, end)).toBe(true);
        expect(hasHash(bytes, end - 66, hash)).toBe(true);
        const at = findPrevHash(bytes, 2, end);
        expect(hasHash(bytes, at, 'ab'.repeat(32))).toBe(true);
        expect(findHeight(bytes, 2, at)).toBe(height);
        const { category, user, producer, timestamp } = JSON.parse(line).block;
        expect(readSummary(bytes, 2, end)).toEqual({ category, user, producer, timestamp });
      }),
    );
  });

  it('is refused when a field is missing, foreign or of the wrong kind', () => {
    const { line } = lineOf({ category: 'port', action: 'a', data: null });
    const parsed = JSON.parse(line);
    for (const key of Object.keys(parsed.block)) {
      const { [key]: _gone, ...block } = parsed.block;
      expect(() => parseLine(JSON.stringify({ ...parsed, block })), key).toThrow(/not a block/);
    }
    for (const wrong of [
      { extra: 1 },
      { version: 2 },
      { category: 'weather' },
      { producer: 'user' },
      { cause: 42 },
    ]) {
      expect(() => parseLine(JSON.stringify({ ...parsed, block: { ...parsed.block, ...wrong } }))).toThrow();
    }
    expect(() => parseLine('{')).toThrow(/not JSON/);
  });
});

describe('a scanner of bytes', () => {
  it('finds nothing in what is no block', () => {
    for (const text of ['', '{}', '{"block":{"height":7}}', 'x'.repeat(500)]) {
      const bytes = Buffer.from(text);
      expect(findPrevHash(bytes, 0, bytes.length)).toBe(-1);
    }
  });

  it('counts a string that is no JSON as it stands', () => {
    const { line } = lineOf({ category: 'port', action: 'a', data: null, user: 'ab' });
    const bytes = Buffer.from(line.replace('"user":"ab"', String.raw`"user":"\q"`));
    expect(readSummary(bytes, 0, bytes.length - 1).user).toBe(String.raw`"\q"`);
  });
});

describe('an entry', () => {
  it('that is too big keeps its size and digest instead of its data', () => {
    const block = parseLine(
      lineOf({ category: 'config', action: 'a', data: { text: 'é'.repeat(40_000) } }).line,
    );
    expect(block.data).toEqual({
      truncated: true,
      bytes: 80_011,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('may fill a block to the last byte', () => {
    const sized = (n: number) => ({ category: 'config', action: 'a', data: 'x'.repeat(n) }) as const;
    const least = Buffer.byteLength(
      blockText(makeDraft(sized(0), ORIGIN, 0, AT), Number.MAX_SAFE_INTEGER, NO_HASH),
    );
    const room = MAX_BLOCK_BYTES - least;
    expect(parseLine(lineOf(sized(room)).line).data).toHaveLength(room);
    expect(parseLine(lineOf(sized(room + 1)).line).data).toMatchObject({ truncated: true });
  });

  it.each<[string, Partial<Entry>]>([
    ['an unknown category', { category: 'weather' as never }],
    ['the category constructor', { category: 'constructor' as never }],
    ['an action with a space', { action: 'a b' }],
    ['an empty action', { action: '' }],
    ['a cause that is not there yet', { cause: 42 }],
    ['a cause of zero', { cause: 0 }],
    ['an empty user', { user: '' }],
    ['a process id that is none', { pid: -1 }],
    ['metadata that are not strings', { metadata: { a: 1 as never } }],
    ['metadata bigger than a block', { metadata: { a: 'x'.repeat(70_000) } }],
  ])('with %s is refused', (_what, wrong) => {
    const entry = { category: 'port', action: 'a', data: null, ...wrong } as Entry;
    expect(() => lineOf(entry)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });
});

describe('a block for D-Bus', () => {
  it('is flat, with its time in seconds', () => {
    const { line, hash } = lineOf({ category: 'port', action: 'a', data: { x: 1 } });
    expect(renderFlat(parseLine(line))).toEqual({
      timestamp: 1795422632,
      height: 42,
      prev_hash: 'ab'.repeat(32),
      hash,
      producer: 'network',
      category: 'port',
      action: 'a',
      user: 'root',
      hostname: 'pve1',
      pid: 7,
      data: { x: 1 },
      metadata: {},
      signature: null,
    });
  });
});
