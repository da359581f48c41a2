// The ledger's file is sealed when it is big or old, between two batches; whatever is half done then, no block is lost or doubled.
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open as fsOpen } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { follow, readBlocks, tail, verifyLedger } from '../../../../src/core/ledger/index.ts';
import { packSegment } from '../../../../src/core/ledger/pack-segment.ts';
import { ledgerPaths } from '../../../../src/core/ledger/paths.ts';
import { sealedSegments, segmentName } from '../../../../src/core/ledger/segments.ts';
import { entry, open, scratch } from './scratch.ts';

const SMALL = { bytes: 2000, ageMs: 86_400_000 };
const DAY = 86_400_000;

const heightsOf = async (path: string) => {
  const found: number[] = [];
  for await (const { height } of readBlocks(path)) found.push(height);
  return found;
};
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const segmentsDir = (dir: string) => join(dir, 'ledger.d/segments');
const sealedNames = (dir: string) =>
  existsSync(segmentsDir(dir)) ? readdirSync(segmentsDir(dir)).sort() : [];

/** A ledger with `count` blocks in several segments. */
async function rotated(path: string, count: number, limits = SMALL) {
  const ledger = await open(path, { limits });
  for (let n = 1; n <= count; n++) await ledger.append(entry(n));
  return ledger;
}

describe('a ledger that grows', () => {
  it('goes on in a new file of the same name, and the sealed ones are read-only and named by their first block', async () => {
    using place = scratch();
    writeFileSync(place.path, '');
    chmodSync(place.path, 0o640);
    const ledger = await rotated(place.path, 20);
    expect(ledger.lost()).toBe(undefined);
    expect((await ledger.stats()).bytes).toBe((await verifyLedger(place.path)).bytes);
    await ledger.close();
    const sealed = sealedNames(place.dir);
    expect(sealed.length).toBeGreaterThan(2);
    for (const name of sealed) {
      const file = join(segmentsDir(place.dir), name);
      const [first = ''] = readFileSync(file, 'utf8').split('\n');
      expect(name).toBe(segmentName(JSON.parse(first).block.height));
      expect(statSync(file).mode & 0o777).toBe(0o444);
      expect(statSync(file).size).toBeGreaterThanOrEqual(SMALL.bytes);
      expect(statSync(file).nlink).toBe(1);
    }
    expect(statSync(place.path).mode & 0o777).toBe(0o640);
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 20 });
    expect(await heightsOf(place.path)).toEqual(range(1, 20));
  });

  it('has many writers at once over the border, and each block once', async () => {
    using place = scratch();
    const ledger = await open(place.path, { limits: SMALL });
    const sealings: number[] = [];
    ledger.onSealed(() => sealings.push(ledger.head().height));
    const blocks = await Promise.all(
      range(1, 300).map(async (n) => {
        if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, n / 5));
        return ledger.append(entry(n));
      }),
    );
    await ledger.close();
    expect(blocks.map(({ height }) => height).sort((a, b) => a - b)).toEqual(range(1, 300));
    expect(await heightsOf(place.path)).toEqual(range(1, 300));
    expect(sealings.length).toBe(sealedNames(place.dir).length);
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 300 });
  });

  it('is sealed by the age of its first block too, over a restart', async () => {
    using place = scratch();
    let now = Date.parse('2026-11-01T00:00:00Z');
    const options = {
      clock: { now: () => now, steady: () => now },
      limits: { bytes: 1 << 30, ageMs: 31 * DAY },
    };
    const first = await open(place.path, options);
    await first.append(entry(1));
    now += 20 * DAY;
    await first.append(entry(2));
    await first.close();
    const second = await open(place.path, options);
    now += 11 * DAY;
    await second.append(entry(3));
    await second.append(entry(4));
    await second.close();
    expect(sealedNames(place.dir)).toEqual([segmentName(1)]);
    expect((await tail(place.path, 1))[0]).toMatchObject({ height: 4 });
    expect(readFileSync(place.path, 'utf8').split('\n')).toHaveLength(2);
  });

  it('knows its head when it is opened right after a sealing, and remembers one in a sealed segment', async () => {
    using place = scratch();
    const ledger = await open(place.path, { limits: { bytes: 1, ageMs: DAY } });
    const heads = [];
    for (let n = 1; n <= 3; n++) heads.push(await ledger.append(entry(n)));
    await ledger.close();
    expect(statSync(place.path).size).toBe(0);
    for (const { height, hash } of heads) {
      const again = await open(place.path, { remembered: { height, hash } });
      expect([again.head(), again.loss]).toEqual([{ height: 3, hash: heads[2]?.hash }, undefined]);
      expect((await again.stats()).total_blocks).toBe(3);
      await again.close();
    }
    const again = await open(place.path);
    expect((await again.append(entry(4))).height).toBe(4);
    await again.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 4 });
  });

  it('is followed over its sealings, by one who is slow too', async () => {
    using place = scratch();
    const stop = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { height } of follow(place.path, stop.signal, { after: 0 })) {
        seen.push(height);
        if (height % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
        if (height === 120) stop.abort();
      }
    })();
    const ledger = await open(place.path, { limits: SMALL });
    for (let n = 1; n <= 120; n++) await ledger.append(entry(n));
    await reading;
    await ledger.close();
    expect(seen).toEqual(range(1, 120));
  });

  it('can be read from the first block on while it is written, sealed and packed', async () => {
    using place = scratch();
    const paths = ledgerPaths(place.path);
    const ledger = await open(place.path, { limits: SMALL });
    let isWriting = true;
    const packing = (async () => {
      const signal = new AbortController().signal;
      while (isWriting) {
        for (const one of await sealedSegments(paths))
          if (!one.packed) await packSegment(paths, one, { signal, pauseMs: 0 });
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const reading = (async () => {
      let rounds = 0;
      for (; isWriting; rounds++) {
        const from = ledger.head().height;
        const found = await heightsOf(place.path);
        expect(found).toEqual(range(1, found.length));
        expect(found.length).toBeGreaterThanOrEqual(from);
        const last = (await tail(place.path, 50)).map(({ height }) => height);
        expect(last).toEqual(range(last[0] ?? 1, last.at(-1) ?? 0));
        expect(last.length).toBeGreaterThanOrEqual(Math.min(50, from));
        expect((await verifyLedger(place.path)).verdict).not.toBe('broken');
      }
      return rounds;
    })();
    for (let n = 1; n <= 200; n++) await ledger.append(entry(n));
    isWriting = false;
    await packing;
    expect(await reading).toBeGreaterThan(0);
    await ledger.close();
    expect(await heightsOf(place.path)).toEqual(range(1, 200));
  });
});

describe('a sealing that does not come off', () => {
  it('fails no append; the file grows on, and that is told', async () => {
    using place = scratch();
    const told: unknown[] = [];
    mkdirSync(join(place.dir, 'ledger.d'));
    // In the place of the folder.
    writeFileSync(segmentsDir(place.dir), '');
    const ledger = await open(place.path, {
      limits: { bytes: 1, ageMs: DAY },
      onTrouble: (error) => told.push(error),
    });
    for (let n = 1; n <= 3; n++) expect((await ledger.append(entry(n))).height).toBe(n);
    expect(told).toHaveLength(1);
    expect(ledger.lost()).toBe(undefined);
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 3 });
  });

  it('for want of a descriptor leaves everything as it was', async () => {
    using place = scratch();
    let isFull = false;
    const fs = {
      open: (path: string, flags: number, mode?: number) =>
        isFull
          ? Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' }))
          : fsOpen(path, flags, mode),
    };
    const ledger = await open(place.path, { fs, limits: { bytes: 1, ageMs: DAY } });
    isFull = true;
    await ledger.append(entry(1));
    await ledger.append(entry(2));
    await ledger.close();
    expect(sealedNames(place.dir)).toEqual([]);
    expect(readdirSync(join(place.dir, 'ledger.d')).filter((name) => name.includes('next'))).toEqual([]);
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 2 });
  });
});

describe('what a crash leaves of a sealing', () => {
  it.each<[string, (dir: string, path: string) => void]>([
    ['the next file', (dir) => writeFileSync(join(dir, 'ledger.d/next.jsonl'), '')],
    [
      'two names of one file',
      (dir, path) => {
        const first = JSON.parse(readFileSync(path, 'utf8').split('\n')[0] ?? '').block.height;
        linkSync(path, join(segmentsDir(dir), segmentName(first)));
        writeFileSync(join(dir, 'ledger.d/next.jsonl'), '');
      },
    ],
    [
      'a sealed one that can be written to',
      (dir) => chmodSync(join(segmentsDir(dir), segmentName(1)), 0o640),
    ],
    [
      'no file to append to',
      (dir, path) => {
        const first = JSON.parse(readFileSync(path, 'utf8').split('\n')[0] ?? '').block.height;
        renameSync(path, join(segmentsDir(dir), segmentName(first)));
      },
    ],
    [
      'a packed one that is not ready',
      (dir) => writeFileSync(join(segmentsDir(dir), `${segmentName(1)}.gz.part`), 'x'),
    ],
  ])('(%s) is settled by the next start', async (_, leave) => {
    using place = scratch();
    await (await rotated(place.path, 11)).close();
    leave(place.dir, place.path);
    // As a reader sees it before any agent has started.
    expect(await heightsOf(place.path)).toEqual(range(1, 11));
    const ledger = await open(place.path, { limits: SMALL });
    for (let n = 12; n <= 20; n++) expect((await ledger.append(entry(n))).height).toBe(n);
    await ledger.close();
    expect(await heightsOf(place.path)).toEqual(range(1, 20));
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 20 });
    for (const name of sealedNames(place.dir)) {
      expect(name).toMatch(/^\d{20}\.jsonl$/);
      expect(statSync(join(segmentsDir(place.dir), name)).mode & 0o777).toBe(0o444);
    }
    expect(existsSync(join(place.dir, 'ledger.d/next.jsonl'))).toBe(false);
  });

  it('(a segment plain and packed) is settled: the packed one stays', async () => {
    using place = scratch();
    await (await rotated(place.path, 11)).close();
    const plain = join(segmentsDir(place.dir), segmentName(1));
    const bytes = readFileSync(plain);
    const [one] = await sealedSegments(ledgerPaths(place.path));
    await packSegment(ledgerPaths(place.path), one as NonNullable<typeof one>, {
      signal: new AbortController().signal,
      pauseMs: 0,
    });
    writeFileSync(plain, bytes);
    expect(await heightsOf(place.path)).toEqual(range(1, 11));
    await (await open(place.path)).close();
    expect(sealedNames(place.dir)).toContain(`${segmentName(1)}.gz`);
    expect(existsSync(plain)).toBe(false);
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 11 });
  });
});

describe('a ledger whose files do not fit', () => {
  const aside = async (change: (dir: string, path: string) => void) => {
    const place = scratch();
    await (await rotated(place.path, 11)).close();
    change(place.dir, place.path);
    await expect(open(place.path)).rejects.toMatchObject({ code: 'ledger-broken' });
    const ledger = await open(place.path, { onBroken: 'set-aside' });
    return { place, ledger };
  };

  it('goes on from the sealed segments where the active file is broken or another chain', async () => {
    for (const change of [
      (_dir: string, path: string) => appendFileSync(path, 'garbage\n'),
      (dir: string, path: string) =>
        writeFileSync(path, readFileSync(join(segmentsDir(dir), segmentName(1)))),
    ]) {
      const { place, ledger } = await aside(change);
      using _ = place;
      const sealed = (await sealedSegments(ledgerPaths(place.path))).length;
      expect(sealed).toBeGreaterThan(1);
      const [note] = await tail(place.path, 1);
      expect(note).toMatchObject({ action: 'ledger_set_aside' });
      expect(note?.height).toBeGreaterThan(1);
      await ledger.append(entry(1));
      await ledger.close();
      expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok' });
    }
  });

  it('begins a new chain where the sealed segments end in no block and nothing is behind them', async () => {
    const { place, ledger } = await aside((dir, path) => {
      truncateSync(path);
      const last = sealedNames(dir).at(-1) ?? '';
      chmodSync(join(segmentsDir(dir), last), 0o600);
      appendFileSync(join(segmentsDir(dir), last), 'garbage\n');
    });
    using _ = place;
    expect(ledger.head().height).toBe(1);
    expect(sealedNames(place.dir)).toEqual([]);
    const [kept] = readdirSync(join(place.dir, 'ledger.d/broken'));
    expect(readdirSync(join(place.dir, 'ledger.d/broken', kept ?? ''))).not.toEqual([]);
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 1 });
  });

  it('goes on as it is where only an old segment is gone: that is what verification tells', async () => {
    using place = scratch();
    await (await rotated(place.path, 20)).close();
    const [, second = '', third = ''] = sealedNames(place.dir);
    rmSync(join(segmentsDir(place.dir), second));
    const ledger = await open(place.path);
    expect((await ledger.append(entry(21))).height).toBe(21);
    await ledger.close();
    const height = Number(second.slice(0, 20));
    expect(await verifyLedger(place.path)).toMatchObject({
      verdict: 'broken',
      blocks: height - 1,
      firstBad: { reason: 'missing', height, file: `ledger.d/segments/${third}` },
    });
  });

  it('is the same ledger wherever its files are cut: any order of appends, restarts and sealings', async () => {
    const step = fc.oneof(fc.constant('restart' as const), fc.integer({ min: 1, max: 5 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 3000 }),
        async (steps, bytes) => {
          using place = scratch();
          const limits = { bytes, ageMs: DAY };
          let ledger = await open(place.path, { limits });
          let height = 0;
          for (const one of steps) {
            if (one === 'restart') {
              await ledger.close();
              ledger = await open(place.path, { limits });
            } else
              for (let n = 0; n < one; n++) expect((await ledger.append(entry(n))).height).toBe(++height);
          }
          await ledger.close();
          expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: height });
        },
      ),
      { numRuns: 25 },
    );
  });
});
