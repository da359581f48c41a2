// Reading: by height, from the end, as it grows; open intents; known events.
import { appendFileSync, closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  AGENT_STARTED,
  carryOver,
  type Entry,
  findEvents,
  follow,
  type HashedBlock,
  openIntents,
  readBlocks,
  tail,
  type Unreadable,
} from '../../../../src/core/ledger/index.ts';
import { entry, open, sampleBytes, scratch, splitLines } from './scratch.ts';

const COUNT = 6000;
let big: Buffer;
beforeAll(async () => {
  using place = scratch();
  const ledger = await open(place.path);
  // Lines of very different length, so that bisection has something to get wrong.
  const make = (n: number) =>
    entry(n, { data: { n, filler: 'y'.repeat(n % 500 === 0 ? 30_000 : (n * 31) % 400) } });
  await Promise.all(Array.from({ length: COUNT }, (_, n) => ledger.append(make(n + 1))));
  await ledger.close();
  big = readFileSync(place.path);
});

async function heights(path: string, range: { from?: number; to?: number }): Promise<number[]> {
  const found: number[] = [];
  for await (const block of readBlocks(path, range)) found.push(block.height);
  return found;
}

const count = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => from + n);

describe('readBlocks', () => {
  it('gives the blocks of a range, wherever it lies', async () => {
    using place = scratch(big);
    for (const [from, to] of [
      [1, 3],
      [COUNT, COUNT + 5],
      [COUNT + 1, COUNT + 2],
      [499, 502],
      [3000, 2999],
    ] as const) {
      expect(await heights(place.path, { from, to })).toEqual(count(from, Math.min(to, COUNT)));
    }
    for (let from = 1; from < COUNT; from += 397) {
      expect(await heights(place.path, { from, to: from + 1 })).toEqual([from, from + 1]);
    }
    expect(await heights(place.path, {})).toEqual(count(1, COUNT));
  });

  it('has nothing to give where there is no file', async () => {
    expect(await heights('/nonexistent/ledger.jsonl', {})).toEqual([]);
  });
});

/** The sample with `insert` after its second line. */
async function withLine(insert: Buffer | string): Promise<{ bytes: Buffer; at: number }> {
  const lines = splitLines(await sampleBytes(4));
  const first = Buffer.concat(lines.slice(0, 2));
  return {
    bytes: Buffer.concat([first, Buffer.from(insert), ...lines.slice(2)]),
    at: first.length,
  };
}

describe('a line that is no block', () => {
  const kinds: [string, string | Buffer, number][] = [
    ['garbage', 'garbage\n', 7],
    ['another JSON document', '{}\n', 2],
    ['an empty line', '\n', 0],
    ['bytes that are no text', Buffer.from([0xff, 0x00, 0xfe, 0x0a]), 3],
    ['a line longer than any block', `${'x'.repeat(200_000)}\n`, 200_000],
    ['a line longer than what is read at once', `${'x'.repeat(3_000_000)}\n`, 3_000_000],
  ];

  it.each(kinds)('(%s) is told, and every block around it is read', async (_, insert, bytes) => {
    const { bytes: content, at } = await withLine(insert);
    using place = scratch(content);
    const told: Unreadable[] = [];
    const options = { onUnreadable: (one: Unreadable) => void told.push(one) };
    const found: number[] = [];
    for await (const { height } of readBlocks(place.path, options)) found.push(height);
    expect(found).toEqual([1, 2, 3, 4]);
    expect((await tail(place.path, 10, options)).map(({ height }) => height)).toEqual([1, 2, 3, 4]);
    expect(told).toEqual([
      { offset: at, bytes },
      { offset: at, bytes },
    ]);
    expect(await openIntents(place.path)).toEqual([]);
    expect(await findEvents(place.path, new Set(['event-4']))).toEqual(new Map([['event-4', 4]]));
  });

  it.each(kinds)('(%s) does not end a follower', async (_, insert) => {
    using place = scratch((await withLine(insert)).bytes);
    const stop = new AbortController();
    expect(await gather(follow(place.path, stop.signal, { after: 0 }), 4, stop)).toEqual([1, 2, 3, 4]);
  });

  it('may be as long as a disk: reading stays in proportion to it, and in a small memory', async () => {
    using place = scratch();
    const file = openSync(place.path, 'w');
    const piece = Buffer.alloc(1 << 22, 'x');
    for (let n = 0; n < 16; n++) writeSync(file, piece);
    const started = performance.now();
    const before = process.memoryUsage().rss;
    expect(await tail(place.path, 5)).toEqual([]);
    expect(await openIntents(place.path)).toEqual([]);
    const tookMs = performance.now() - started;
    // Quadratic, 64 MB took 6 s and 200 MB of memory; a machine under load is slow, and not by that much.
    expect(tookMs).toBeLessThan(3000);
    expect(process.memoryUsage().rss - before).toBeLessThan(80 << 20);
    closeSync(file);
  });
});

describe('tail', () => {
  it.each([0, 1, 2, 700, COUNT, COUNT + 1])('gives the last %d blocks, oldest first', async (n) => {
    using place = scratch(big);
    const got = (await tail(place.path, n)).map((block) => block.height);
    expect(got).toEqual(count(Math.max(1, COUNT - n + 1), n === 0 ? 0 : COUNT));
  });

  it('passes over a line that is still being written', async () => {
    using place = scratch(Buffer.concat([await sampleBytes(3), Buffer.from('{"block":{')]));
    expect((await tail(place.path, 2)).map((block) => block.height)).toEqual([2, 3]);
  });

  it('gives nothing for no file, an empty one, or one with a beginning only', async () => {
    using empty = scratch('');
    using begun = scratch('{"block":');
    for (const path of ['/nonexistent/x', empty.path, begun.path]) expect(await tail(path, 3)).toEqual([]);
  });
});

it('a ledger that cannot be read is no empty one', async () => {
  using place = scratch('x');
  await expect(tail(join(place.path, 'ledger.jsonl'), 1)).rejects.toMatchObject({ code: 'bad-argument' });
});

describe('follow', () => {
  it('waits for a file that does not exist yet, and gives each block once', async () => {
    using place = scratch();
    const stop = new AbortController();
    const seen = gather(follow(place.path, stop.signal), 20, stop);
    const ledger = await open(place.path);
    for (let n = 1; n <= 20; n++) await ledger.append(entry(n));
    expect(await seen).toEqual(count(1, 20));
    await ledger.close();
  });

  it('waits for a directory that does not exist yet', async () => {
    using place = scratch();
    const path = join(place.dir, 'later', 'ledger.jsonl');
    const stop = new AbortController();
    const seen = gather(follow(path, stop.signal, { after: 0 }), 1, stop);
    const ledger = await open(path);
    await ledger.append(entry(1));
    expect(await seen).toEqual([1]);
    await ledger.close();
  });

  it('begins at the end, or after a given height', async () => {
    using place = scratch(await sampleBytes(5));
    const stop = new AbortController();
    const fromEnd = gather(follow(place.path, stop.signal), 1, new AbortController());
    const after3 = gather(follow(place.path, stop.signal, { after: 3 }), 3, new AbortController());
    await new Promise((resolve) => setTimeout(resolve, 100));
    const ledger = await open(place.path);
    await ledger.append(entry(6));
    expect([await fromEnd, await after3]).toEqual([[6], [4, 5, 6]]);
    stop.abort();
    await ledger.close();
  });

  it('waits for the rest of a line', async () => {
    const bytes = await sampleBytes(3);
    using place = scratch(bytes.subarray(0, -200));
    const stop = new AbortController();
    const seen = gather(follow(place.path, stop.signal, { after: 0 }), 3, stop);
    await new Promise((resolve) => setTimeout(resolve, 100));
    appendFileSync(place.path, bytes.subarray(-200));
    expect(await seen).toEqual([1, 2, 3]);
  });

  it('goes over to a new chain that takes the place of the file', async () => {
    using place = scratch(await sampleBytes(5));
    const stop = new AbortController();
    const seen = gather(follow(place.path, stop.signal, { after: 4 }), 3, stop);
    await new Promise((resolve) => setTimeout(resolve, 100));
    renameSync(place.path, `${place.path}.old`);
    const ledger = await open(place.path);
    await ledger.append(entry(1));
    await ledger.append(entry(2));
    expect(await seen).toEqual([5, 1, 2]);
    await ledger.close();
  });

  it('ends without an error when it is told to', async () => {
    using place = scratch();
    const stop = new AbortController();
    const seen = gather(follow(place.path, stop.signal), 1, stop);
    setTimeout(() => stop.abort(), 50);
    expect(await seen).toEqual([]);
  });
});

async function gather(
  blocks: AsyncGenerator<HashedBlock>,
  n: number,
  stop: AbortController,
): Promise<number[]> {
  const seen: number[] = [];
  for await (const block of blocks) {
    seen.push(block.height);
    if (seen.length >= n) break;
  }
  stop.abort();
  return seen;
}

describe('open intents', () => {
  const intent: Entry = { category: 'port', action: 'attach', data: null, metadata: { kind: 'intent' } };
  const outcome = (cause: number): Entry => ({ ...intent, metadata: { kind: 'outcome' }, cause });
  const started = (open?: HashedBlock[]): Entry => ({
    category: 'lifecycle',
    action: AGENT_STARTED,
    data: null,
    metadata: open ? carryOver(open) : {},
  });

  async function openAfter(entries: (Entry | 'restart')[]): Promise<number[]> {
    using place = scratch();
    const ledger = await open(place.path);
    for (const one of entries)
      await ledger.append(one === 'restart' ? started(await openIntents(place.path)) : one);
    const found = await openIntents(place.path);
    await ledger.close();
    return found.map((block) => block.height);
  }

  it('are those without an outcome, oldest first', async () => {
    expect(await openAfter([])).toEqual([]);
    expect(await openAfter([intent, intent, intent, outcome(2)])).toEqual([1, 3]);
    expect(await openAfter([intent, outcome(1)])).toEqual([]);
  });

  it('stay open over a restart that died before it settled them', async () => {
    expect(await openAfter([intent, 'restart'])).toEqual([1]);
    expect(await openAfter([intent, intent, 'restart', intent, 'restart'])).toEqual([1, 2, 4]);
  });

  it('are closed by an outcome after the restart', async () => {
    expect(await openAfter([intent, intent, 'restart', outcome(1)])).toEqual([2]);
    expect(await openAfter([intent, 'restart', outcome(1), 'restart', intent])).toEqual([5]);
  });

  it('are found also behind a start that names none', async () => {
    expect(await openAfter([intent, started(), intent])).toEqual([1, 3]);
  });
});

describe('known events', () => {
  it('are found among many, wherever they stand and however they are spelled', async () => {
    using place = scratch(big);
    const ledger = await open(place.path);
    const odd = 'o"d\\d\né';
    await ledger.append(entry(0, { metadata: { event_id: odd } }));
    await ledger.append(entry(0, { metadata: {}, data: { event_id: 'only-in-data' } }));
    await ledger.close();
    const ids = new Set(['event-1', `event-${COUNT}`, 'event-3', 'event-', 'nobody', 'only-in-data', odd]);
    const found = await findEvents(place.path, ids);
    expect([...found.keys()]).toEqual(['event-1', 'event-3', `event-${COUNT}`, odd]);
    expect(found.get(odd)).toBe(COUNT + 1);
  });

  it('are none without a file or without a question', async () => {
    expect(await findEvents('/nonexistent/x', new Set(['a']))).toEqual(new Map());
    using place = scratch('junk');
    expect(await findEvents(place.path, new Set())).toEqual(new Map());
  });
});
