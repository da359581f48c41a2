// A ledger of several files, some of them packed, reads as if it were one; and what is changed in any of them is found where it is.
import { linkSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { holdsBlock } from '../../../../src/core/ledger/holds-block.ts';
import {
  findEvents,
  openIntents,
  readBackwards,
  readBlocks,
  readStats,
  tail,
  type Unreadable,
  verifyLedger,
} from '../../../../src/core/ledger/index.ts';
import { entry, open, sampleBytes, scratch, splitLines } from './scratch.ts';
import { bytesOf, fileOf, MEMBER_LINES, type Part, partsOf, segmented } from './segmented.ts';

const COUNT = 12;
let sample: Buffer;
let lines: Buffer[];
beforeAll(async () => {
  using place = scratch();
  const ledger = await open(place.path);
  for (let n = 1; n <= COUNT; n++) {
    const kind = n % 3 === 0 ? { kind: 'intent' } : n % 6 === 4 ? { kind: 'outcome' } : {};
    await ledger.append(
      entry(n, { cause: n > 1 ? n - 1 : null, metadata: { event_id: `event-${n}`, ...kind } }),
    );
  }
  await ledger.close();
  sample = readFileSync(place.path);
  lines = splitLines(sample);
});

/** Some segments, each packed or not, and at least one block in the active file. */
const layout = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 2, max: COUNT }), { maxLength: 4 }),
    fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  )
  .map(([cuts, packed]) => partsOf(lines, cuts, packed));

const heightsOf = async (blocks: AsyncIterable<{ height: number }>) => {
  const found: number[] = [];
  for await (const { height } of blocks) found.push(height);
  return found;
};

describe('a ledger over several segments', () => {
  it('reads and verifies as one', async () => {
    using whole = scratch(sample);
    const ids = new Set(['event-1', 'event-5', `event-${COUNT}`, 'nobody']);
    const expected = await verifyLedger(whole.path);
    const stats = await readStats(whole.path);
    const open = await openIntents(whole.path);
    const blocks = await tail(whole.path, COUNT);
    await fc.assert(
      fc.asyncProperty(
        layout,
        fc.integer({ min: 1, max: COUNT + 1 }),
        fc.integer({ min: 0, max: COUNT }),
        async (parts, from, n) => {
          using place = await segmented(parts);
          const { path } = place;
          expect(await verifyLedger(path)).toEqual(expected);
          expect(await readStats(path)).toEqual(stats);
          expect(await heightsOf(readBlocks(path, { from, to: from + 3 }))).toEqual(
            range(from, Math.min(COUNT, from + 3)),
          );
          expect(await heightsOf(readBlocks(path))).toEqual(range(1, COUNT));
          expect(await heightsOf(readBackwards(path))).toEqual(range(1, COUNT).reverse());
          expect(await tail(path, n)).toEqual(blocks.slice(COUNT - n));
          expect(await openIntents(path)).toEqual(open);
          expect(new Map([...(await findEvents(path, ids))].sort())).toEqual(
            new Map([
              ['event-1', 1],
              [`event-${COUNT}`, COUNT],
              ['event-5', 5],
            ]),
          );
          for (const { height, hash } of blocks) expect(await holdsBlock(path, { height, hash })).toBe(true);
          expect(await holdsBlock(path, { height: from, hash: 'ab'.repeat(32) })).toBe(false);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has packed segments that any gunzip unpacks', async () => {
    const packed = await bytesOf({ first: 1, lines, packed: true });
    expect(gunzipSync(packed).equals(sample)).toBe(true);
  });

  it('needs no file to append to: an agent may have died as it made one', async () => {
    using place = await segmented(
      partsOf(lines, [5, 9], [true, false]).map((part) => (part.first ? part : { ...part, first: 9 })),
    );
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: COUNT });
    expect(await heightsOf(readBackwards(place.path))).toEqual(range(1, COUNT).reverse());
  });
});

const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => from + n);

/** A changed layout, and the first height that does not hold with the file in which that shows. */
type Change = { parts: Part[]; height: number; file: string };

/** The first line that is not what it was; where a file ends early, that shows in the next one. */
function firstChanged(parts: Part[]): Change {
  let height = 1;
  for (const part of parts)
    for (const line of part.lines) {
      if (!line.equals(lines[height - 1] ?? Buffer.alloc(0))) return { parts, height, file: fileOf(part) };
      height += 1;
    }
  return { parts, height, file: 'none' };
}

/** All lines as places: which part, which line of it. */
const places = (parts: readonly Part[]) =>
  parts.flatMap(({ lines }, part) => lines.map((_, line) => ({ part, line })));

const pick = (parts: readonly Part[]) => fc.constantFrom(...places(parts));

const withLines = (parts: readonly Part[], part: number, change: (lines: Buffer[]) => Buffer[]): Part[] =>
  parts.map((one, index) => (index === part ? { ...one, lines: change(one.lines) } : one));

const changes: Record<string, (parts: Part[]) => fc.Arbitrary<Change>> = {
  'one line dropped': (parts) =>
    fc
      .constantFrom(...places(parts).slice(0, -1))
      .map(({ part, line }) => firstChanged(withLines(parts, part, (all) => all.toSpliced(line, 1)))),
  'one line twice': (parts) =>
    pick(parts).map(({ part, line }) =>
      firstChanged(withLines(parts, part, (all) => all.toSpliced(line, 0, all[line] as Buffer))),
    ),
  'two lines swapped': (parts) =>
    fc
      .tuple(pick(parts), pick(parts))
      .filter(([a, b]) => a.part !== b.part || a.line !== b.line)
      .map(([a, b]) => {
        const [one, other] = [parts[a.part]?.lines[a.line], parts[b.part]?.lines[b.line]] as [Buffer, Buffer];
        const first = withLines(parts, a.part, (all) => all.with(a.line, other));
        return firstChanged(withLines(first, b.part, (all) => all.with(b.line, one)));
      }),
  'a whole segment gone': (parts) =>
    parts.length < 2
      ? fc.constant(firstChanged(withLines(parts, 0, (all) => all.toSpliced(0, 1))))
      : fc.nat(parts.length - 2).map((gone) => firstChanged(parts.toSpliced(gone, 1))),
};

describe.each(Object.keys(changes))('a ledger over several segments with %s', (name) => {
  it.each(['fast', 'strict'] as const)('is found out, in the right file (%s)', async (mode) => {
    const change = layout.chain((parts) => (changes[name] as (parts: Part[]) => fc.Arbitrary<Change>)(parts));
    await fc.assert(
      fc.asyncProperty(change, async ({ parts, height, file }) => {
        using place = await segmented(parts);
        const result = await verifyLedger(place.path, { mode });
        expect(result).toMatchObject({ verdict: 'broken', blocks: height - 1, firstBad: { height } });
        expect(result.firstBad?.file ?? 'ledger.jsonl').toBe(file);
      }),
      { numRuns: 60 },
    );
  });
});

/** One byte of one file of a layout; `cut` takes it and all after it away, otherwise it is changed by `mask`. */
const byteChange = layout.chain((parts) =>
  fc.record({
    parts: fc.constant(parts),
    which: fc.nat(parts.length - 1),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    mask: fc.integer({ min: 1, max: 255 }),
    cut: fc.boolean(),
  }),
);

const sum = (parts: readonly { length: number }[]) => parts.reduce((total, { length }) => total + length, 0);

describe('any byte of any segment', () => {
  it('changed, or cut off with all after it, is found where it is', async () => {
    await fc.assert(
      fc.asyncProperty(byteChange, async ({ parts, which, at, mask, cut }) => {
        using place = await segmented(parts);
        const part = parts[which] as Part;
        const path = join(place.dir, fileOf(part));
        const bytes = readFileSync(path);
        const spot = Math.floor(at * bytes.length);
        if (cut) truncateSync(path, spot);
        else {
          bytes[spot] = (bytes[spot] ?? 0) ^ mask;
          writeFileSync(path, bytes);
        }
        const { height, isEdge } = await hit(parts, which, spot);
        const isActive = part.first === undefined;
        const result = await verifyLedger(place.path);
        if (isActive && cut && isEdge) {
          // Whole lines cut off the end show to whoever remembers the head only.
          expect(result).toMatchObject({ verdict: 'ok', blocks: height - 1 });
          return;
        }
        const isTorn = isActive && (cut || spot === bytes.length - 1);
        expect(result).toMatchObject({
          verdict: isTorn ? 'torn-tail' : 'broken',
          blocks: height - 1,
          firstBad: { height },
        });
        const shown = cut && isEdge ? (parts[which + 1] as Part) : part;
        expect(result.firstBad?.file ?? 'ledger.jsonl').toBe(fileOf(shown));
        if (part.packed && !(cut && isEdge)) expect(result.firstBad?.reason).toBe('packed');
      }),
      { numRuns: 400 },
    );
  });
});

/** The first height that a change at this byte can hurt; `isEdge`: it is the first byte of a line, or of a packed member. */
async function hit(
  parts: readonly Part[],
  which: number,
  spot: number,
): Promise<{ height: number; isEdge: boolean }> {
  const part = parts[which] as Part;
  const before = sum(parts.slice(0, which).map(({ lines }) => lines)) + 1;
  let offset = 0;
  const step = part.packed ? MEMBER_LINES : 1;
  for (let line = 0; line < part.lines.length; line += step) {
    const piece = await bytesOf({ ...part, lines: part.lines.slice(line, line + step) });
    if (spot < offset + piece.length) return { height: before + line, isEdge: spot === offset };
    offset += piece.length;
  }
  throw new Error('beyond the file');
}

describe('a packed segment that cannot be unpacked', () => {
  it('hides its own blocks only, and is told', async () => {
    const parts = partsOf(lines, [7, 10], [true, false]);
    using place = await segmented(parts);
    const path = join(place.dir, fileOf(parts[0] as Part));
    const bytes = readFileSync(path);
    const second = (await bytesOf({ ...(parts[0] as Part), lines: lines.slice(0, MEMBER_LINES) })).length;
    bytes[second + 100] = (bytes[second + 100] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const told: Unreadable[] = [];
    const options = { onUnreadable: (one: Unreadable) => void told.push(one) };
    const expected = [1, 2, ...range(5, COUNT)];
    expect(await heightsOf(readBlocks(place.path, options))).toEqual(expected);
    expect(await heightsOf(readBackwards(place.path, options))).toEqual(expected.reverse());
    const one = { file: fileOf(parts[0] as Part), offset: sum(lines.slice(0, 2)) };
    expect(told).toMatchObject([one, one]);
  });
});

it('a segment that is being sealed has two names and is read once', async () => {
  using place = scratch(await sampleBytes(3));
  mkdirSync(join(place.dir, 'ledger.d/segments'), { recursive: true });
  linkSync(place.path, join(place.dir, 'ledger.d/segments', '00000000000000000001.jsonl'));
  expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 3 });
  expect(await heightsOf(readBlocks(place.path))).toEqual([1, 2, 3]);
  expect(await heightsOf(readBackwards(place.path))).toEqual([3, 2, 1]);
  rmSync(place.path);
  expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 3 });
});
