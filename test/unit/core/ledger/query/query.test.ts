import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type LedgerListener, readBlocks } from '../../../../../src/core/ledger/index.ts';
import { keepIndex } from '../../../../../src/core/ledger/index-files/keep.ts';
import { rebuildIndex, updateIndex } from '../../../../../src/core/ledger/index-files/update.ts';
import { findGuest } from '../../../../../src/core/ledger/query/guest-query.ts';
import { type Asking, queryBlocks } from '../../../../../src/core/ledger/query/query.ts';
import { queryBack } from '../../../../../src/core/ledger/query/query-back.ts';
import type { Query } from '../../../../../src/core/ledger/query/query-type.ts';
import {
  type Want,
  wantAbout,
  wantAction,
  wantActor,
  wantCategory,
  wantCauses,
  wantGuest,
  wantHash,
  wantPid,
  wantPort,
  wantVmid,
} from '../../../../../src/core/ledger/query/wants.ts';
import { block } from '../../../cli/fake.ts';
import { entries, indexBytes, linesOf, type Place, placeLedger, START, type Timed } from './ledgers.ts';

/** Runs that are short, so that a small ledger has some. */
const short = { runBlocks: 7 };

const wants: fc.Arbitrary<Want[]> = fc.array(
  fc.oneof(
    fc.constantFrom(100, 101, 102, 1_000_000, 999).map(wantVmid),
    fc.constantFrom('vi101', 'vi101i1', 'odd', 'row').map(wantPort),
    fc
      .constantFrom('web', 'db', '101', 'abababababab', 'Gästé "1"\n', '"kind":"x"')
      .map((name) => wantGuest(name, [])),
    fc.constantFrom('port_attach', 'port_*', '*', '?uest?x', 'none').map(wantAction),
    fc.constantFrom('root', 'eve', '7', 'nobody').map(wantActor),
    fc.constantFrom('port' as const, 'bridge' as const).map(wantCategory),
    fc.constantFrom(1, 812, 5).map(wantPid),
    fc
      .array(fc.integer({ min: 1, max: 60 }), { maxLength: 5 })
      .map((heights) => wantCauses(new Set(heights))),
  ),
  { maxLength: 3 },
);

const height = fc.integer({ min: 1, max: 70 });
const instant = fc.integer({ min: START - 100_000, max: START + 4_000_000 });
const query: fc.Arbitrary<Query> = fc.record(
  { from: height, to: height, since: instant, until: instant, wants },
  { requiredKeys: ['wants'] },
);

async function heights(place: Place, asked: Query, asking?: Asking): Promise<number[]> {
  const found: number[] = [];
  for await (const block of queryBlocks(place.path, asked, asking)) found.push(block.height);
  return found;
}

/** What is right: each block is looked at. */
async function expected(
  { path }: Place,
  { from = 1, to = 1e9, since = 0, until = 1e15, wants: all = [] }: Query,
) {
  const found: number[] = [];
  for await (const block of readBlocks(path)) {
    const at = Date.parse(block.timestamp);
    const isIn = block.height >= from && block.height <= to && at >= since && at <= until;
    if (isIn && all.every((want) => want.fits(block))) found.push(block.height);
  }
  return found;
}

const cuts = fc.array(fc.integer({ min: 1, max: 59 }), { maxLength: 2 });

describe('what is asked of a ledger', () => {
  it('is answered alike with an index, without one, and with one that is behind', async () => {
    await fc.assert(
      fc.asyncProperty(entries(), cuts, query, fc.nat(), async (written, bounds, asked, cut) => {
        const lines = linesOf(written);
        using place = placeLedger(lines, bounds);
        const right = await expected(place, asked);
        expect(await heights(place, asked)).toEqual(right);
        expect(await heights(place, asked, { useIndex: false, mayBlock: true })).toEqual(right);
        const active = readFileSync(place.path, 'utf8').split(/(?<=\n)/);
        // The index is made of the beginning of the active file, and what comes then is behind it.
        writeFileSync(place.path, active.slice(0, cut % (active.length + 1)).join(''));
        await updateIndex(place.path, short);
        writeFileSync(place.path, active.join(''));
        for (const mayBlock of [false, true]) {
          const asking = { mayBlock, onDamaged: () => expect.fail('whole') };
          expect(await heights(place, asked, asking)).toEqual(right);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('is found by the beginning of a hash', async () => {
    const lines = linesOf(Array.from({ length: 30 }, (_, n) => note(n)));
    using place = placeLedger(lines, [11]);
    await updateIndex(place.path, short);
    for (const [at, line] of lines.entries()) {
      const { hash } = JSON.parse(line) as { hash: string };
      for (const length of [8, 20, 64]) {
        expect(await heights(place, { wants: [wantHash(hash.slice(0, length))] })).toEqual([at + 1]);
      }
    }
    expect(await heights(place, { wants: [wantHash('0'.repeat(64))] })).toEqual([]);
  });

  it('is found by its hash also where its line is written in another way, and lines that are none are told', async () => {
    const lines = linesOf(Array.from({ length: 9 }, (_, n) => note(n)));
    const { hash } = JSON.parse(lines[4] ?? '') as { hash: string };
    const { block: inner } = JSON.parse(lines[4] ?? '') as { block: object };
    for (const line of [
      lines[4],
      `${JSON.stringify({ hash, block: inner })}\n`,
      `{"block":${JSON.stringify(inner, undefined, 1).replaceAll('\n', '')},"hash":"${hash}"}\n`,
    ]) {
      using place = placeLedger([...lines.slice(0, 4), line ?? '', 'no line\n', ...lines.slice(5)]);
      const unreadable: number[] = [];
      const asking = { onUnreadable: ({ bytes }: { bytes: number }) => void unreadable.push(bytes) };
      expect(await heights(place, { wants: [wantHash(hash)] }, asking)).toEqual([5]);
      expect(unreadable).toEqual(['no line'.length]);
    }
  });

  it('is looked for in a file, and in nothing else that has its name', async () => {
    using place = placeLedger([]);
    rmSync(place.path);
    mkdirSync(place.path);
    for (const mayBlock of [false, true])
      await expect(heights(place, {}, { mayBlock })).rejects.toMatchObject({ code: 'bad-argument' });
  });

  it('is found in long runs as in short ones', async () => {
    const many = Array.from(
      { length: 9000 },
      (_, n): Timed => ({
        category: n % 3 ? 'port' : 'config',
        action: n % 100 === 50 ? 'rare' : 'noted',
        data: { guest: `web-${n % 700}`, vmid: 100 + (n % 2500) },
        cause: n > 10 ? n - (n % 10) : null,
      }),
    );
    const lines = linesOf(many);
    using place = placeLedger(lines, [4300]);
    expect(await updateIndex(place.path)).toEqual({ blocks: 4300 + 4096, segments: 2 });
    const hashes = lines.map((line) => (JSON.parse(line) as { hash: string }).hash);
    const found = async (...all: Want[]) => {
      const read: number[] = [];
      const asking: Asking = { onDamaged: () => expect.fail('whole') };
      for (const height of await heights(place, { wants: all }, asking)) read.push(height);
      return read;
    };
    for (let at = 0; at < many.length; at += 89) {
      expect(await found(wantHash(hashes[at] ?? ''))).toEqual([at + 1]);
    }
    for (const all of [
      [wantVmid(777)],
      [wantVmid(2599)],
      [wantVmid(3000)],
      [wantAction('rare')],
      [wantAction('r*')],
      [wantGuest('web-3', [555])],
      [wantGuest('web-3', []), wantCategory('port')],
      [wantCauses(new Set([20, 4310, 8990]))],
      [wantActor('root'), wantVmid(101)],
    ])
      expect(await found(...all)).toEqual(await expected(place, { wants: all }));
    // The offsets of lines are the last but for the names of actions.
    const data = join(place.dir, 'ledger.d', 'index', 'active.data');
    const bytes = readFileSync(data);
    bytes[bytes.length - 4096] = (bytes[bytes.length - 4096] ?? 0) ^ 1;
    writeFileSync(data, bytes);
    let damaged = 0;
    const rare = await heights(place, { wants: [wantAction('rare')] }, { onDamaged: () => void damaged++ });
    expect([rare, damaged > 0]).toEqual([await expected(place, { wants: [wantAction('rare')] }), true]);
  });

  it('may be a guest by any of its names, whose number another guest has later', async () => {
    const of = (data: Timed['data']): Timed => ({ category: 'port', action: 'port_attached', data });
    const history = [
      of({ port: 'vi1000000' }),
      of({ guest: 'web', vmid: 1_000_000, port: 'vi1000000' }),
      of({ port: 'vi1000000', bridge: 'ovsbr0' }),
      of({ name: 'web', container_id: 'ab'.repeat(32) }),
      of({ guest: 'db', vmid: 1_000_000, port: 'vi1000000' }),
      of({ port: 'vi1000000' }),
      of({ guest: 'web', vmid: 1_000_001 }),
      of({ ports: [{ port: 'vi1000001i2' }, { port: 'vi100' }] }),
    ];
    using place = placeLedger(
      linesOf([...history, note(8), note(9), note(10), note(11), note(12), note(13)]),
    );
    const ofGuest = async (name: string, more: Query = {}) => {
      const { want } = await findGuest(place.path, name);
      return heights(place, { ...more, wants: [want, ...(more.wants ?? [])] });
    };
    for (const isIndexed of [false, true]) {
      if (isIndexed) await updateIndex(place.path, short);
      expect(await ofGuest('web')).toEqual([2, 3, 4, 7, 8]);
      expect(await ofGuest('web', { from: 3 })).toEqual([3, 4, 7, 8]);
      expect(await ofGuest('db')).toEqual([5, 6]);
      expect(await ofGuest('abababababab')).toEqual([4]);
      expect(await ofGuest('1000000')).toEqual([1, 2, 3, 5, 6]);
      expect(await ofGuest('vi1000001')).toEqual([7, 8]);
      expect(await ofGuest('web', { wants: [wantPort('vi1000000')] })).toEqual([2, 3]);
    }
  });

  it('tells of lines that are no blocks, and goes on behind them', async () => {
    const lines = linesOf(Array.from({ length: 20 }, (_, n) => note(n)));
    lines[12] = 'not a block\n';
    using place = placeLedger(lines);
    await updateIndex(place.path, short);
    const met: number[] = [];
    const found = await heights(
      place,
      { wants: [wantAction('noted')] },
      { onUnreadable: ({ offset }) => met.push(offset) },
    );
    expect(found).toEqual(Array.from({ length: 20 }, (_, n) => n + 1).filter((n) => n !== 13));
    expect(met).toEqual([lines.slice(0, 12).join('').length]);
  });

  it('stops at a line that is being written', async () => {
    const lines = linesOf(Array.from({ length: 9 }, (_, n) => note(n)));
    using place = placeLedger([...lines.slice(0, 8), lines[8]?.slice(0, 40) ?? '']);
    await updateIndex(place.path, short);
    expect(await heights(place, { wants: [wantAction('noted')] })).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('is nothing where there is no ledger', async () => {
    using place = placeLedger([]);
    expect(
      await heights({ ...place, path: join(place.dir, 'none.jsonl') }, { wants: [wantVmid(101)] }),
    ).toEqual([]);
  });
});

const note = (n: number): Timed => ({ category: 'config', action: 'noted', data: { n } });

describe('an index', () => {
  it('has the same bytes however it came about: at once, block by block, or made anew', async () => {
    await fc.assert(
      fc.asyncProperty(
        entries(),
        cuts,
        fc.array(fc.nat(), { maxLength: 5 }),
        async (written, bounds, steps) => {
          using place = placeLedger(linesOf(written), bounds);
          const active = readFileSync(place.path, 'utf8').split(/(?<=\n)/);
          for (const step of steps.map((one) => one % (active.length + 1)).sort((a, b) => a - b)) {
            writeFileSync(place.path, active.slice(0, step).join(''));
            await updateIndex(place.path, short);
          }
          writeFileSync(place.path, active.join(''));
          await updateIndex(place.path, { ...short, check: true });
          const grown = indexBytes(place);
          await rebuildIndex(place.path, short);
          expect(indexBytes(place)).toEqual(grown);
          await Promise.all([updateIndex(place.path, short), updateIndex(place.path, short)]);
          expect(indexBytes(place)).toEqual(grown);
        },
      ),
      { numRuns: 30 },
    );
  });

  const files = (place: Place) => {
    const dir = join(place.dir, 'ledger.d', 'index');
    return readdirSync(dir).map((name) => join(dir, name));
  };

  it('never makes a wrong answer: any byte changed, any end cut off, any file gone', async () => {
    const harm = fc.record({
      file: fc.nat(),
      at: fc.nat(),
      how: fc.constantFrom('flip', 'cut', 'empty', 'grow', 'swap'),
      bit: fc.integer({ min: 0, max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(
        entries(),
        cuts,
        query,
        fc.array(harm, { minLength: 1, maxLength: 3 }),
        async (...given) => {
          const [written, bounds, asked, harms] = given;
          using place = placeLedger(linesOf(written), bounds);
          await updateIndex(place.path, short);
          const whole = indexBytes(place);
          for (const { file, at, how, bit } of harms) {
            const all = files(place);
            const target = all[file % all.length] ?? '';
            const bytes = readFileSync(target);
            if (how === 'cut') writeFileSync(target, bytes.subarray(0, at % (bytes.length + 1)));
            else if (how === 'empty') writeFileSync(target, '');
            else if (how === 'grow')
              writeFileSync(target, Buffer.concat([bytes, Buffer.alloc(1 + (at % 300), bit)]));
            else if (how === 'swap') writeFileSync(target, readFileSync(all[at % all.length] ?? target));
            else if (bytes.length > 0) {
              bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
              writeFileSync(target, bytes);
            }
          }
          expect(await heights(place, asked)).toEqual(await expected(place, asked));
          await updateIndex(place.path, { ...short, check: true });
          expect(indexBytes(place)).toEqual(whole);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('without its data is damaged, and one that grows is whole meanwhile', async () => {
    const lines = linesOf(Array.from({ length: 20 }, (_, n) => note(n)));
    using place = placeLedger(lines);
    await updateIndex(place.path, short);
    rmSync(join(place.dir, 'ledger.d', 'index', 'active.data'));
    let damaged = 0;
    const asked = () => heights(place, { wants: [wantAction('noted')] }, { onDamaged: () => void damaged++ });
    expect([(await asked()).length, damaged]).toEqual([20, 1]);
    rmSync(join(place.dir, 'ledger.d', 'index'), { recursive: true });
    expect([(await asked()).length, damaged]).toEqual([20, 1]);
    // Nobody else may write into the ledger's directory, so a link there is root's own doing.
    mkdirSync(join(place.dir, 'ledger.d', 'index', 'active.data'), { recursive: true });
    await expect(updateIndex(place.path, short)).rejects.toThrow();
  });

  it('of another ledger is not believed, and gives way', async () => {
    const make = (name: string) =>
      linesOf(
        Array.from({ length: 30 }, (_, n) => ({ ...note(n), data: { guest: n % 2 ? name : 'other' } })),
      );
    using one = placeLedger(make('abc'));
    using two = placeLedger(make('xyz'));
    await updateIndex(one.path, short);
    mkdirSync(join(two.dir, 'ledger.d', 'index'), { recursive: true });
    for (const [name, hex] of Object.entries(indexBytes(one)))
      writeFileSync(join(two.dir, 'ledger.d', 'index', name), hex, 'hex');
    let damaged = 0;
    const found = await heights(two, { wants: [wantGuest('xyz', [])] }, { onDamaged: () => void damaged++ });
    expect([found.length, damaged]).toEqual([15, 0]);
    await updateIndex(two.path, short);
    const mended = indexBytes(two);
    await rebuildIndex(two.path, short);
    expect(indexBytes(two)).toEqual(mended);
  });

  it('that leads to the wrong place is found out by the block itself', async () => {
    const lines = linesOf(Array.from({ length: 21 }, (_, n) => note(n)));
    using place = placeLedger(lines);
    await updateIndex(place.path, short);
    // The same bytes, so that the index fits, but two lines stand in each other's place.
    const swapped = [...lines];
    [swapped[2], swapped[3]] = [lines[3] ?? '', lines[2] ?? ''];
    expect(lines[2]?.length).toBe(lines[3]?.length);
    writeFileSync(place.path, swapped.join(''));
    let damaged = 0;
    const found = await heights(place, { wants: [wantAction('noted')] }, { onDamaged: () => void damaged++ });
    expect([found.slice(0, 5), damaged]).toEqual([[1, 2, 4, 3, 5], 1]);
  });

  it('ends where the chain does not hold, and what is behind is found all the same', async () => {
    const lines = linesOf(Array.from({ length: 40 }, (_, n) => note(n)));
    lines[16] = lines[16]?.replace('"n":16', '"n":17') ?? '';
    for (const bounds of [[], [30]]) {
      using place = placeLedger(lines, bounds);
      const { blocks } = await updateIndex(place.path, short);
      expect(blocks).toBe(bounds.length === 0 ? 14 : 16 + 7);
      expect(await heights(place, { wants: [wantAction('noted')] })).toHaveLength(40);
      const grown = indexBytes(place);
      await updateIndex(place.path, short);
      expect(indexBytes(place)).toEqual(grown);
    }
  });

  it('that cannot be read is passed over', async () => {
    using place = placeLedger(linesOf(Array.from({ length: 20 }, (_, n) => note(n))));
    mkdirSync(join(place.dir, 'ledger.d', 'index', 'active.runs'), { recursive: true });
    expect(await heights(place, { wants: [wantAction('noted')] })).toHaveLength(20);
  });

  it('has nothing left of files that are gone', async () => {
    using place = placeLedger(linesOf(Array.from({ length: 20 }, (_, n) => note(n))));
    await updateIndex(place.path, short);
    const dir = join(place.dir, 'ledger.d', 'index');
    writeFileSync(join(dir, '00000000000000000009.runs'), 'x');
    await updateIndex(place.path, short);
    expect(readdirSync(dir).sort()).toEqual(['active.data', 'active.runs']);
  });
});

describe('the last blocks that fit', () => {
  it('are the last of all that fit, over all segments, with an index, without one, and with one that is behind', async () => {
    const most = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(
        entries(),
        cuts,
        wants,
        most,
        fc.nat(),
        async (written, bounds, [want], count, cut) => {
          if (want === undefined) return;
          const lines = linesOf(written);
          using place = placeLedger(lines, bounds);
          const right = (await expected(place, { wants: [want] })).reverse().slice(0, count);
          const back = async (asking: Asking) =>
            (await queryBack(place.path, want, count, asking)).map(({ height: at }) => at);
          expect(await back({})).toEqual(right);
          await updateIndex(place.path, { runBlocks: 3 + (cut % 9) });
          for (const mayBlock of [false, true]) expect(await back({ mayBlock })).toEqual(right);
          expect(await back({ useIndex: false })).toEqual(right);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are no more than asked for, and lines that are none are passed over and told', async () => {
    const lines = linesOf(Array.from({ length: 200 }, (_, n) => note(n)));
    using place = placeLedger([...lines, 'no line\n']);
    const unreadable: number[] = [];
    const asking = { onUnreadable: ({ bytes }: { bytes: number }) => void unreadable.push(bytes) };
    const found = await queryBack(place.path, wantAction('*'), 3, asking);
    expect(found.map(({ height: at }) => at)).toEqual([200, 199, 198]);
    expect(unreadable).toEqual(['no line'.length]);
    const enough = await queryBack(place.path, wantAction('none'), 3, { isEnough: () => true });
    expect(enough).toEqual([]);
  });

  it('about a port are those that name it, its number, or its guest', async () => {
    const lines = linesOf([
      { category: 'port', action: 'a', data: { port: 'odd' } },
      { category: 'port', action: 'b', data: { vmid: 101 } },
      { category: 'port', action: 'c', data: { port: 'vi102' } },
      { category: 'lifecycle', action: 'd', data: { name: 'web' } },
    ]);
    using place = placeLedger(lines);
    const about = async () => {
      const want = wantAbout({ port: 'odd', vmid: 101, name: 'web' }, ({ action }) => action !== 'c');
      return (await queryBack(place.path, want, 9)).map(({ height: at }) => at);
    };
    expect(await about()).toEqual([4, 2, 1]);
    await updateIndex(place.path, { runBlocks: 4 });
    expect(await about()).toEqual([4, 2, 1]);
  });
});

describe('an index that is kept', () => {
  it('is made after a while, and goes on behind the appends', async () => {
    using place = placeLedger(linesOf(Array.from({ length: 5000 }, (_, n) => note(n))));
    const listeners = new Set<LedgerListener>();
    // The last of the blocks to come is more than a run of 4096 behind it, also when the first look has ended.
    let height = 4100;
    const errors: unknown[] = [];
    const kept = keepIndex(
      {
        head: () => ({ height, hash: '' }),
        onSealed: () => () => undefined,
        subscribe: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      { path: place.path, onError: (error) => errors.push(error), patienceMs: 0 },
    );
    const runs = () => vi.waitFor(() => expect(Object.keys(indexBytes(place))).toHaveLength(2), 20_000);
    const blocks = async (count: number) =>
      vi.waitFor(() => expect(indexBytes(place)['active.runs']?.length).toBe(2 * 144 * count), 20_000);
    await runs();
    await blocks(4);
    writeFileSync(place.path, linesOf(Array.from({ length: 8200 }, (_, n) => note(n))).join(''));
    height = 8200;
    for (const listener of listeners) listener(block({ height: 5001, category: 'port' }), '');
    for (const listener of listeners) listener(block({ height, category: 'port' }), '');
    await blocks(8);
    const grown = indexBytes(place);
    await kept.close();
    expect([listeners.size, errors]).toEqual([0, []]);
    await rebuildIndex(place.path);
    expect(indexBytes(place)).toEqual(grown);
  });

  it('that cannot be written is told, and stopped at once', async () => {
    using place = placeLedger(linesOf(Array.from({ length: 9000 }, (_, n) => note(n))));
    const none = () => () => undefined;
    const ledger = { head: () => ({ height: 9000, hash: '' }), subscribe: none, onSealed: none };
    const stopped = keepIndex(ledger, { path: place.path, onError: () => expect.fail(), patienceMs: 0 });
    await vi.waitFor(() => expect(readdirSync(place.dir)).toContain('ledger.d'));
    await stopped.close();
    rmSync(join(place.dir, 'ledger.d'), { recursive: true });
    writeFileSync(join(place.dir, 'ledger.d'), '');
    const errors: unknown[] = [];
    const kept = keepIndex(ledger, {
      path: place.path,
      onError: (error) => errors.push(error),
      patienceMs: 0,
    });
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    await kept.close();
  });
});
