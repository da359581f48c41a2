// A changed ledger is found out, with the right verdict.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type VerifyOptions, verifyLedger } from '../../../../src/core/ledger/index.ts';
import { sampleBytes, scratch, splitLines } from './scratch.ts';

const COUNT = 6;
let sample: Buffer;
let lines: Buffer[];
beforeAll(async () => {
  sample = await sampleBytes(COUNT);
  lines = splitLines(sample);
});

async function verify(content: Buffer, options: VerifyOptions = {}) {
  using place = scratch(content);
  return await verifyLedger(place.path, options);
}

/** Each change, and the height of the first line that cannot hold after it. */
type Change = { bytes: Buffer; height: number; verdict: 'broken' | 'torn-tail' };

function flip(at: number, mask: number): Change {
  const bytes = Buffer.from(sample);
  bytes[at] = (bytes[at] ?? 0) ^ mask;
  const height = sample.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
  return { bytes, height, verdict: at === sample.length - 1 ? 'torn-tail' : 'broken' };
}

const line = fc.nat(COUNT - 1);
const notLast = fc.nat(COUNT - 2);
const concat = (parts: Buffer[]) => Buffer.concat(parts);

const changes: Record<string, () => fc.Arbitrary<Change>> = {
  'one byte flipped': () =>
    fc.tuple(fc.nat(sample.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => flip(at, mask)),
  'one line dropped': () =>
    notLast.map((n) => ({ bytes: concat(lines.toSpliced(n, 1)), height: n + 1, verdict: 'broken' })),
  'two lines swapped': () =>
    fc
      .tuple(line, line)
      .filter(([a, b]) => a < b)
      .map(([a, b]) => {
        const swapped = lines.with(a, lines[b] as Buffer).with(b, lines[a] as Buffer);
        return { bytes: concat(swapped), height: a + 1, verdict: 'broken' };
      }),
  'one line twice': () =>
    line.map((n) => ({
      bytes: concat(lines.toSpliced(n, 0, lines[n] as Buffer)),
      height: n + 2,
      verdict: 'broken',
    })),
  'one line cut short': () =>
    fc.tuple(notLast, fc.integer({ min: 1, max: 400 })).map(([n, cut]) => {
      const short = (lines[n] as Buffer).subarray(0, Math.max(0, (lines[n] as Buffer).length - 1 - cut));
      return {
        bytes: concat(lines.with(n, Buffer.concat([short, Buffer.from('\n')]))),
        height: n + 1,
        verdict: 'broken',
      };
    }),
  'the last line cut short': () =>
    fc.integer({ min: 1, max: 400 }).map((cut) => ({
      bytes: sample.subarray(0, sample.length - Math.min(cut, (lines[COUNT - 1] as Buffer).length - 1)),
      height: COUNT,
      verdict: 'torn-tail',
    })),
};

describe.each(Object.keys(changes))('a ledger with %s', (name) => {
  it.each(['fast', 'strict'] as const)('is found out (%s)', async (mode) => {
    await fc.assert(
      fc.asyncProperty(
        (changes[name] as () => fc.Arbitrary<Change>)(),
        async ({ bytes, height, verdict }) => {
          const result = await verify(bytes, { mode });
          expect(result).toMatchObject({ verdict, blocks: height - 1, firstBad: { height, line: height } });
          expect(result.firstBad?.offset).toBe(concat(lines.slice(0, height - 1)).length);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('an untouched ledger', () => {
  it('verifies', async () => {
    const hash = JSON.parse((lines[COUNT - 1] as Buffer).toString()).hash;
    const expected = { verdict: 'ok', blocks: COUNT, bytes: sample.length, head: { height: COUNT, hash } };
    expect(await verify(sample)).toEqual(expected);
    expect(await verify(sample, { mode: 'fast', knownHead: { height: COUNT, hash } })).toEqual(expected);
  });

  it('verifies when it is empty', async () => {
    expect(await verify(Buffer.alloc(0))).toMatchObject({ verdict: 'ok', blocks: 0, head: { height: 0 } });
  });

  it('that is not there is no verdict but an error', async () => {
    await expect(verifyLedger('/nonexistent/ledger.jsonl')).rejects.toMatchObject({ code: 'bad-argument' });
  });
});

describe('whole lines cut off the end', () => {
  it('are seen only by whoever remembers the head', async () => {
    const cut = concat(lines.slice(0, 4));
    const knownHead = { height: COUNT, hash: JSON.parse((lines[COUNT - 1] as Buffer).toString()).hash };
    expect(await verify(cut)).toMatchObject({ verdict: 'ok' });
    const found = await verify(cut, { knownHead });
    expect(found).toMatchObject({ verdict: 'broken', firstBad: { reason: 'known-head', height: COUNT } });
  });

  it('and replaced by others are seen as well', async () => {
    const knownHead = { height: 3, hash: 'ab'.repeat(32) };
    expect(await verify(sample, { knownHead })).toMatchObject({
      verdict: 'broken',
      firstBad: { reason: 'known-head' },
    });
  });
});

const firstLine = () => (lines[0] as Buffer).toString();
const firstBlock = () => firstLine().slice(9, -76);

/** Lines whose hash is right for their bytes, yet that two readers understand differently. */
const TWO_FACED: Record<string, (block: string) => string | Buffer<ArrayBuffer>> = {
  'a key given twice': (block) =>
    block.replace('{"action":"port_attached"', '{"action":"evil","action":"port_attached"'),
  'a smuggled __proto__': (block) => block.replace('{"action"', '{"__proto__":{"x":1},"action"'),
  '1e2 for 100': (block) => block.replace('"pid":812', '"pid":812e0'),
  'an escape for a plain letter': (block) => block.replace('port_attached', '\\u0070ort_attached'),
  '812.0 for 812': (block) => block.replace('"pid":812', '"pid":812.0'),
  'blanks between tokens': (block) => block.replace('"pid":812', '"pid": 812'),
  'keys out of order': (block) => block.replace('{"a":2,"z":1}', '{"z":1,"a":2}'),
  'upper-case hex in an escape': (block) => block.replace('\\n', '\\u000A'),
  'bytes that are not UTF-8': (block) => Buffer.from(block.replace('é', '\u00ff'), 'latin1'),
  'a lone surrogate': (block) => block.replace('é', '\\ud800'),
  'negative zero': (block) => block.replace('"took_ms":0.25', '"took_ms":-0'),
  'an integer beyond 2^53': (block) => block.replace('"took_ms":0.25', '"took_ms":9007199254740993'),
  'a field nobody knows': (block) => block.replace(',"version":1', ',"version":1,"zzz":1'),
  'another version': (block) => block.replace(',"version":1', ',"version":2'),
  'a day that does not exist': (block) =>
    block.replace(/"timestamp":"[^"]*"/, '"timestamp":"2026-02-30T00:00:00.000Z"'),
};

describe.each(Object.keys(TWO_FACED))('a line with %s', (name) => {
  // A verifier that hashes what it has parsed and written again accepts several of these.
  it('does not have the hash it had', async () => {
    const forged = Buffer.from(`{"block":${TWO_FACED[name]?.(firstBlock())}${firstLine().slice(-76)}`);
    expect(await verify(forged, { mode: 'fast' })).toMatchObject({
      verdict: 'broken',
      firstBad: { reason: 'hash' },
    });
  });

  it('is broken in strict mode although its hash is right', async () => {
    const block = Buffer.from(TWO_FACED[name]?.(firstBlock()) ?? '');
    expect(block.toString()).not.toBe(firstBlock());
    const hash = createHash('sha256').update(block).digest('hex');
    const forged = Buffer.concat([Buffer.from('{"block":'), block, Buffer.from(`,"hash":"${hash}"}\n`)]);
    expect((await verify(forged, { mode: 'fast' })).firstBad?.reason, 'the hash is right').not.toBe('hash');
    expect(await verify(forged)).toMatchObject({ verdict: 'broken', blocks: 0, firstBad: { height: 1 } });
  });
});
