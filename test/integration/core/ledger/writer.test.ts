// What the writer promises to those who append.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type HashedBlock,
  NO_HASH,
  readBlocks,
  readStats,
  verifyLedger,
} from '../../../../src/core/ledger/index.ts';
import { entry, open, sampleBytes, scratch, splitLines } from './scratch.ts';

async function collect(path: string): Promise<HashedBlock[]> {
  const blocks: HashedBlock[] = [];
  for await (const block of readBlocks(path)) blocks.push(block);
  return blocks;
}

describe('appending', () => {
  it('gives heights in the order of the calls, and every block is in the file when its promise resolves', async () => {
    using place = scratch();
    const ledger = await open(place.path);
    const appended = await Promise.all(
      Array.from({ length: 500 }, async (_, n) => {
        const block = await ledger.append(entry(n));
        expect(readFileSync(place.path, 'utf8')).toContain(block.hash);
        return block;
      }),
    );
    expect(appended.map((block) => block.height)).toEqual(appended.map((_, n) => n + 1));
    expect(appended.map((block) => block.metadata.event_id)).toEqual(appended.map((_, n) => `event-${n}`));
    expect(ledger.head()).toEqual({ height: 500, hash: appended[499]?.hash });
    await ledger.close();
    expect(await collect(place.path)).toEqual(JSON.parse(JSON.stringify(appended)));
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 500 });
  });

  it('goes on where the last run ended', async () => {
    using place = scratch(await sampleBytes(3));
    const ledger = await open(place.path);
    expect(ledger.head().height).toBe(3);
    expect(await ledger.append(entry(4, { cause: 3 }))).toMatchObject({ height: 4, cause: 3 });
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 4 });
  });

  it('records what the entry was at the time of the call', async () => {
    using place = scratch();
    const ledger = await open(place.path);
    const data = { port: 'vi100' };
    const pending = ledger.append({ category: 'port', action: 'a', data });
    data.port = 'changed';
    expect((await pending).data).toEqual({ port: 'vi100' });
    await ledger.close();
  });

  it('refuses a bad entry alone, and the others keep a chain without a gap', async () => {
    using place = scratch();
    const ledger = await open(place.path);
    const [first, bad, last] = await Promise.allSettled([
      ledger.append(entry(1)),
      ledger.append({ ...entry(2), data: { a: Number.NaN } }),
      ledger.append(entry(3)),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'bad-argument' } });
    expect([first, last]).toMatchObject([{ value: { height: 1 } }, { value: { height: 2 } }]);
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 2 });
  });

  it('is refused after close, and close waits for what was appended before', async () => {
    using place = scratch();
    const ledger = await open(place.path);
    const pending = ledger.append(entry(1));
    await ledger.close();
    expect((await pending).height).toBe(1);
    await expect(ledger.append(entry(2))).rejects.toMatchObject({ code: 'ledger-write-failed' });
  });
});

describe('a listener', () => {
  it('gets every durable block in order until it leaves', async () => {
    using place = scratch();
    const heard: number[] = [];
    const all: number[] = [];
    const ledger = await open(place.path, { onAppend: (block) => all.push(block.height) });
    const leave = ledger.subscribe((block) => heard.push(block.height));
    await Promise.all([1, 2, 3].map((n) => ledger.append(entry(n))));
    leave();
    await ledger.append(entry(4));
    await ledger.close();
    expect({ heard, all }).toEqual({ heard: [1, 2, 3], all: [1, 2, 3, 4] });
  });

  it('that throws does not make an append fail', async () => {
    using place = scratch();
    const warnings: string[] = [];
    process.once('warning', (warning) => warnings.push(warning.message));
    const ledger = await open(place.path, {
      onAppend: () => {
        throw new Error('listener trouble');
      },
    });
    expect((await ledger.append(entry(1))).height).toBe(1);
    await ledger.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual(['listener trouble']);
  });
});

describe('a new ledger', () => {
  it('can be read by its owner and group only, its directory by its owner only', async () => {
    using place = scratch();
    const path = join(place.dir, 'deep', 'er', 'ledger.jsonl');
    const before = process.umask(0o077);
    await (await open(path)).close();
    process.umask(before);
    const mode = (name: string) => (statSync(name).mode & 0o777).toString(8);
    expect([path, join(path, '..'), join(path, '../ledger.d')].map(mode)).toEqual(['640', '700', '700']);
  });

  it('has head 0 and counts nothing', async () => {
    using place = scratch();
    const ledger = await open(place.path);
    expect(ledger.head()).toEqual({ height: 0, hash: NO_HASH });
    expect(await ledger.stats()).toMatchObject({ total_blocks: 0, last_timestamp: 0, unique_users: [] });
    await ledger.close();
  });

  it('refuses a host it could not name in a block', async () => {
    using place = scratch();
    await expect(open(place.path, { hostname: '' })).rejects.toMatchObject({ code: 'bad-argument' });
    expect(existsSync(place.path)).toBe(false);
  });
});

describe('statistics', () => {
  it('count what stood in the file and what came since, as a pass over the file does', async () => {
    using place = scratch(await sampleBytes(5));
    let now = Date.parse('2026-11-23T08:30:32.900Z');
    const ledger = await open(place.path, { clock: { now: () => now++ } });
    await ledger.append({ category: 'config', action: 'a', data: null, user: 'sys"ö' });
    await ledger.append({ category: 'mount', action: 'a', data: null, user: 'system' });
    const stats = await ledger.stats();
    expect(stats).toMatchObject({
      total_blocks: 7,
      last_timestamp: Date.parse('2026-11-23T08:30:32Z') / 1000,
      categories: { config: 1, mount: 1, port: 5 },
      producers: { network: 5, settings: 1, storage: 1 },
      unique_users: ['root', 'sys"ö'],
      head_hash: ledger.head().hash,
      bytes: statSync(place.path).size,
    });
    expect(await readStats(place.path)).toEqual(stats);
    expect(await ledger.history()).toMatchObject({ verdict: 'ok', blocks: 5 });
    await ledger.close();
  });

  it('say where an old part of the file does not hold, while appending goes on', async () => {
    const lines = splitLines(await sampleBytes(2000));
    const changed = Buffer.from((lines[99] as Buffer).toString().replace('vi100', 'vi666'));
    using place = scratch(Buffer.concat(lines.with(99, changed)));
    const ledger = await open(place.path);
    expect(await ledger.history()).toMatchObject({
      verdict: 'broken',
      firstBad: { height: 100, reason: 'hash' },
    });
    expect((await ledger.append(entry(1))).height).toBe(2001);
    await ledger.close();
  });
});
