// Sealed segments are packed, dropped where that is asked for, and watched; the ledger says what is gone and why.

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { lastDropped } from '../../../../src/core/ledger/dropped.ts';
import {
  type Ledger,
  type LedgerWriter,
  readBlocks,
  readStats,
  tail,
  verifyLedger,
} from '../../../../src/core/ledger/index.ts';
import { ledgerPaths } from '../../../../src/core/ledger/paths.ts';
import { watchSegments } from '../../../../src/core/ledger/segment-watch.ts';
import { openUpkeep, type UpkeepOptions } from '../../../../src/core/ledger/upkeep.ts';
import { openWatching } from '../../../../src/core/lib/watch.ts';
import { entry, open, type Scratch, scratch } from './scratch.ts';

const DAY = 86_400_000;
const limits = { bytes: 2000, ageMs: 1000 * DAY };

const sealedNames = ({ dir }: Scratch) => readdirSync(join(dir, 'ledger.d/segments')).sort();
const fileOf = ({ dir }: Scratch, name: string) => join(dir, 'ledger.d/segments', name);

async function grow(ledger: LedgerWriter, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await ledger.append(entry(n));
}

/** Several segments, and a file that is not sealed soon. */
async function grown(place: Scratch): Promise<LedgerWriter> {
  const ledger = await open(place.path, { limits });
  await grow(ledger, 32);
  await ledger.close();
  return open(place.path);
}

function upkeep(place: Scratch, ledger: LedgerWriter, more: Partial<UpkeepOptions> = {}) {
  return openUpkeep({
    path: place.path,
    ledger: ledger as unknown as Ledger,
    compress: true,
    keep: {},
    provable: () => ledger.head().height,
    vanishing: () => undefined,
    now: Date.now,
    onError: (error) => expect(error).toBe(undefined),
    pauseMs: 0,
    ...more,
  });
}

describe('packing', () => {
  it('leaves every segment but the newest packed, read-only, of the same age, and the ledger as it was', async () => {
    using place = scratch();
    const ledger = await open(place.path, { limits });
    await grow(ledger, 32);
    const before = new Map(sealedNames(place).map((name) => [name, readFileSync(fileOf(place, name))]));
    const ages = new Map(sealedNames(place).map((name) => [name, statSync(fileOf(place, name)).mtimeMs]));
    const work = upkeep(place, ledger);
    await work.run();
    const names = sealedNames(place);
    expect(names).toHaveLength(before.size);
    expect(names.filter((name) => !name.endsWith('.gz'))).toEqual([[...before.keys()].at(-1)]);
    for (const name of names.filter((one) => one.endsWith('.gz'))) {
      const plain = name.slice(0, -3);
      expect(gunzipSync(readFileSync(fileOf(place, name))).equals(before.get(plain) ?? Buffer.alloc(0))).toBe(
        true,
      );
      expect(statSync(fileOf(place, name)).mode & 0o777).toBe(0o444);
      expect(Math.abs(statSync(fileOf(place, name)).mtimeMs - (ages.get(plain) ?? 0))).toBeLessThan(2);
    }
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 32 });
    await grow(ledger, 30);
    await work.run();
    expect(sealedNames(place).filter((name) => !name.endsWith('.gz'))).toHaveLength(1);
    await work.close();
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 62 });
  });

  it('that is told to stop leaves the segment as it was', async () => {
    using place = scratch();
    const ledger = await open(place.path, { limits: { ...limits, bytes: 3 << 20 } });
    const filler = 'x'.repeat(60_000);
    for (let n = 0; n < 120; n++) await ledger.append(entry(n, { data: { n, filler } }));
    expect(sealedNames(place).length).toBeGreaterThan(1);
    const names = sealedNames(place);
    const work = upkeep(place, ledger, { pauseMs: 60_000 });
    await vi.waitFor(
      () => expect(sealedNames(place).some((name) => name.endsWith('.part'))).toBe(true),
      10_000,
    );
    await work.close();
    expect(sealedNames(place)).toEqual(names);
    await ledger.close();
  });

  it('does not touch a segment whose last line has no end, and says so', async () => {
    using place = scratch();
    const ledger = await open(place.path, { limits });
    await grow(ledger, 32);
    const [first = ''] = sealedNames(place);
    chmodSync(fileOf(place, first), 0o600);
    truncateSync(fileOf(place, first), 700);
    const told: unknown[] = [];
    const work = upkeep(place, ledger, { onError: (error) => told.push(error) });
    await work.run();
    expect(told[0]).toMatchObject({ code: 'ledger-broken' });
    expect(sealedNames(place)[0]).toBe(first);
    await work.close();
    await ledger.close();
  });
});

describe('retention', () => {
  it('drops the oldest bodies, after the ledger has said so, and verification begins behind them', async () => {
    using place = scratch();
    const ledger = await grown(place);
    const names = sealedNames(place);
    const sums = new Map(
      names.map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(fileOf(place, name)))
          .digest('hex'),
      ]),
    );
    const kept = names.slice(-2).reduce((total, name) => total + statSync(fileOf(place, name)).size, 0);
    const work = upkeep(place, ledger, { compress: false, keep: { bytes: kept } });
    await work.run();
    await work.close();
    const left = sealedNames(place);
    expect(left.length).toBeLessThan(names.length);
    const told = (await tail(place.path, 20)).filter(({ action }) => action === 'ledger_bodies_dropped');
    expect(told.map(({ data }) => data)).toMatchObject(
      names
        .filter((name) => !left.includes(name))
        .map((name) => ({
          from: Number(name.slice(0, 20)),
          file: `ledger.d/segments/${name}`,
          sha256: sums.get(name),
        })),
    );
    const first = Number(left[0]?.slice(0, 20));
    const dropped = await lastDropped(place.path);
    expect(dropped).toMatchObject({ height: first - 1 });
    const result = await verifyLedger(place.path);
    const { height } = ledger.head();
    expect(result).toMatchObject({
      verdict: 'ok',
      blocks: height - first + 1,
      head: ledger.head(),
      start: { height: first - 1, hash: dropped?.hash },
    });
    for await (const block of readBlocks(place.path)) {
      expect(block.height).toBe(first);
      break;
    }
    expect((await readStats(place.path)).total_blocks).toBe(height - first + 1);
    await ledger.close();
    const again = await open(place.path);
    expect((await again.append(entry(1))).height).toBe(height + 1);
    expect((await again.history()).verdict).toBe('ok');
    await again.close();
  });

  it('drops by age, and nothing that no checkpoint covers', async () => {
    using place = scratch();
    let now = Date.parse('2026-01-01T00:00:00Z');
    const ledger = await open(place.path, { limits, clock: { now: () => now } });
    for (let n = 1; n <= 32; n++, now += DAY) await ledger.append(entry(n));
    const names = sealedNames(place);
    let provable = 0;
    let ran = 0;
    const work = upkeep(place, ledger, {
      keep: { ageMs: 20 * DAY },
      now: () => now,
      steady: () => ran,
      provable: () => provable,
      compress: false,
    });
    await work.run();
    // What the clock says is believed after it has said so for three days.
    ran += 3 * DAY;
    now += 3 * DAY;
    await work.run();
    expect(sealedNames(place)).toEqual(names);
    provable = ledger.head().height;
    await work.run();
    await work.close();
    const [first = ''] = sealedNames(place);
    expect(Number(first.slice(0, 20))).toBeGreaterThan(1);
    // The last block before the oldest that is kept is more than twenty days old, the last one of its segment is not.
    const start = (await verifyLedger(place.path)).start?.height ?? 0;
    expect(start).toBeLessThanOrEqual(15);
    await ledger.close();
  });

  it('completes what a crash between the block and the deed left, with one block about it', async () => {
    using place = scratch();
    const ledger = await grown(place);
    const [name = ''] = sealedNames(place);
    const bytes = readFileSync(fileOf(place, name));
    const sizes = sealedNames(place).reduce((total, one) => total + statSync(fileOf(place, one)).size, 0);
    const options = { keep: { bytes: sizes - 1 }, compress: false };
    const first = upkeep(place, ledger, options);
    await first.run();
    await first.close();
    expect(existsSync(fileOf(place, name))).toBe(false);
    writeFileSync(fileOf(place, name), bytes);
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok' });
    const second = upkeep(place, ledger, { ...options, keep: { bytes: sizes - 1 } });
    await second.run();
    await second.close();
    expect(existsSync(fileOf(place, name))).toBe(false);
    const told = (await tail(place.path, 50)).filter(({ action }) => action === 'ledger_bodies_dropped');
    expect(told).toHaveLength(1);
    // Told, and not done yet: the ledger still begins where an earlier block says.
    const [oldest = ''] = sealedNames(place);
    const [, next = ''] = sealedNames(place);
    const to = Number(next.slice(0, 20)) - 1;
    const data = {
      from: Number(oldest.slice(0, 20)),
      to,
      last_hash: 'ab'.repeat(32),
      file: oldest,
      bytes: 1,
      sha256: '',
    };
    await ledger.append(entry(0, { category: 'filesystem', action: 'ledger_bodies_dropped', data }));
    expect(await verifyLedger(place.path)).toMatchObject({
      verdict: 'ok',
      start: { height: Number(oldest.slice(0, 20)) - 1 },
    });
    await ledger.close();
  });

  it('is no excuse for a segment that somebody else removed', async () => {
    using place = scratch();
    const ledger = await grown(place);
    const sizes = sealedNames(place).reduce((total, one) => total + statSync(fileOf(place, one)).size, 0);
    const work = upkeep(place, ledger, { keep: { bytes: sizes - 1 }, compress: false });
    await work.run();
    await work.close();
    rmSync(fileOf(place, sealedNames(place)[0] ?? ''));
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({
      verdict: 'broken',
      firstBad: { reason: 'missing' },
    });
  });
});

describe('a sealed segment that somebody touches', () => {
  it.each<[string, (file: string) => void, RegExp]>([
    ['removed', (file) => rmSync(file), /removed/],
    ['moved away', (file) => renameSync(file, `${file}.1`), /removed/],
    ['cut', (file) => truncateSync(file, 10), /cut from \d+ to 10 bytes/],
    ['emptied, as copytruncate does', (file) => truncateSync(file), /cut from \d+ to 0 bytes/],
    ['written to', (file) => appendFileSync(file, 'x'), /wrote 1 bytes/],
    ['changed in place', (file) => writeFileSync(file, 'y', { flag: 'r+' }), /wrote to it/],
    [
      'replaced by an editor',
      (file) => {
        const bytes = readFileSync(file);
        writeFileSync(`${file}.new`, bytes);
        renameSync(`${file}.new`, file);
      },
      /another file/,
    ],
  ])('(%s) is named within a second', async (_, change, says) => {
    using place = scratch();
    const ledger = await open(place.path, { limits });
    await grow(ledger, 32);
    const told: string[] = [];
    const paths = ledgerPaths(place.path);
    const onChanged = (file: string, what: string) => void told.push(`${file}: ${what}`);
    const watch = await watchSegments({ paths, watching: openWatching(), onChanged });
    const [name = ''] = sealedNames(place);
    chmodSync(fileOf(place, name), 0o600);
    const started = performance.now();
    change(fileOf(place, name));
    await vi.waitFor(() => expect(told).not.toEqual([]), { timeout: 10_000, interval: 10 });
    expect(performance.now() - started).toBeLessThan(1000);
    expect(told[0]).toMatch(says);
    expect(told[0]).toContain(name);
    watch.close();
    await ledger.close();
  });

  it('is not reported when it was packed or dropped by ourselves, or a sealing made a new one', async () => {
    using place = scratch();
    const ledger = await open(place.path, { limits });
    const told: string[] = [];
    const onChanged = (file: string, what: string) => void told.push(`${file}: ${what}`);
    const watch = await watchSegments({
      paths: ledgerPaths(place.path),
      watching: openWatching(),
      onChanged,
    });
    ledger.onSealed(watch.check);
    const work = upkeep(place, ledger, { vanishing: watch.vanishing, keep: { bytes: 8000 } });
    await grow(ledger, 60);
    await work.run();
    expect(sealedNames(place).some((name) => name.endsWith('.gz'))).toBe(true);
    expect(await lastDropped(place.path)).toBeDefined();
    await work.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    watch.check();
    expect(told).toEqual([]);
    rmSync(join(place.dir, 'ledger.d/segments'), { recursive: true });
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), { timeout: 10_000, interval: 10 });
    watch.close();
    await ledger.close();
  });
});
