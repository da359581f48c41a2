// Whatever a crash leaves behind, the next start keeps every durable block and every byte of evidence.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  NO_HASH,
  readRememberedHead,
  rememberHead,
  tail,
  verifyLedger,
} from '../../../../src/core/ledger/index.ts';
import { entry, open, sampleBytes, scratch, splitLines } from './scratch.ts';

let sample: Buffer;
beforeAll(async () => {
  sample = await sampleBytes(6);
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('a file cut at any byte', () => {
  it('opens with all its complete lines, and the rest is kept aside and recorded', async () => {
    const edges = [...sample.keys()].filter((at) => at === 0 || sample[at - 1] === 0x0a);
    const near = edges
      .flatMap((edge) => [edge - 1, edge, edge + 1])
      .filter((at) => at >= 0 && at <= sample.length);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.nat(sample.length), fc.constantFrom(...near)), async (at) => {
        const good = sample.subarray(0, at).lastIndexOf(0x0a) + 1;
        const torn = sample.subarray(good, at);
        const before = splitLines(sample.subarray(0, good)).length;
        using place = scratch(sample.subarray(0, at));
        const ledger = await open(place.path);
        expect(ledger.head().height).toBe(before + (torn.length > 0 ? 1 : 0));
        await ledger.append(entry(1));
        await ledger.close();
        const content = readFileSync(place.path);
        expect(content.subarray(0, good).equals(sample.subarray(0, good))).toBe(true);
        expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok' });
        if (torn.length === 0) return;
        const note = JSON.parse(splitLines(content)[before]?.toString() ?? '').block;
        expect(note).toMatchObject({
          category: 'filesystem',
          action: 'ledger_torn_tail',
          data: { bytes: torn.length, offset: good, sha256: sha256(torn) },
        });
        expect(readFileSync(join(place.dir, note.data.path)).equals(torn)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('or ending in zeros, as some file systems leave it, is a torn tail too', async () => {
    using place = scratch(Buffer.concat([sample, Buffer.alloc(5000)]));
    const ledger = await open(place.path);
    expect(await tail(place.path, 1)).toMatchObject([
      { height: 7, action: 'ledger_torn_tail', data: { bytes: 5000 } },
    ]);
    await ledger.close();
  });
});

describe('a last line that is complete but wrong', () => {
  const wrong = () => Buffer.concat([sample.subarray(0, -10), Buffer.from('00000000'), sample.subarray(-2)]);

  it('is no torn tail: the ledger is refused, untouched, and the lock is free again', async () => {
    using place = scratch(wrong());
    await expect(open(place.path)).rejects.toMatchObject({ code: 'ledger-broken' });
    await expect(open(place.path)).rejects.toMatchObject({ code: 'ledger-broken' });
    expect(readFileSync(place.path).equals(wrong())).toBe(true);
  });

  it('does not keep guests from starting: the whole file is set aside, and a new chain begins with saying so', async () => {
    using place = scratch(wrong());
    const remembered = { height: 6, hash: 'ab'.repeat(32) };
    const ledger = await open(place.path, { onBroken: 'set-aside', remembered });
    expect(readFileSync(ledger.loss?.setAside ?? '').equals(wrong())).toBe(true);
    const [first] = await tail(place.path, 9);
    const data = first?.data as { path: string };
    expect(first).toMatchObject({
      height: 1,
      prev_hash: NO_HASH,
      category: 'filesystem',
      action: 'ledger_set_aside',
      data: { bytes: wrong().length, sha256: sha256(wrong()), last_good_height: 5 },
    });
    expect(readFileSync(join(place.dir, data.path)).equals(wrong())).toBe(true);
    expect((await ledger.append(entry(1))).height).toBe(2);
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 2 });
  });

  it.each<[string, () => Buffer]>([
    ['a file that is no ledger at all', () => Buffer.from('hello\nworld\n')],
    ['megabytes without a line end', () => Buffer.alloc(3 << 20, 'x')],
    ['an empty last line', () => Buffer.concat([sample, Buffer.from('\n')])],
    ['a ledger whose beginning is gone', () => Buffer.concat(splitLines(sample).slice(2))],
    [
      'a last line from elsewhere',
      () => Buffer.concat([...splitLines(sample).slice(0, 3), ...splitLines(sample).slice(5)]),
    ],
  ])('goes for %s', async (_what, make) => {
    using place = scratch(make());
    await expect(open(place.path)).rejects.toMatchObject({ code: 'ledger-broken' });
    const ledger = await open(place.path, { onBroken: 'set-aside' });
    expect(ledger.head().height).toBe(1);
    await ledger.close();
    expect(readdirSync(join(place.dir, 'ledger.d/broken'))).toHaveLength(1);
  });
});

describe('a remembered head', () => {
  const remembered = async (path: string) => {
    const ledger = await open(path);
    const head = ledger.head();
    await ledger.close();
    return head;
  };

  it('is found wherever it stands in the file, and nothing is said then', async () => {
    using place = scratch(sample);
    const blocks = await tail(place.path, 6);
    for (const { height, hash } of blocks) {
      const ledger = await open(place.path, { remembered: { height, hash } });
      expect([ledger.loss, ledger.head().height]).toEqual([undefined, 6]);
      await ledger.close();
    }
  });

  it('that no file holds is told in the first block of the new chain', async () => {
    using place = scratch(sample);
    const head = await remembered(place.path);
    for (const change of [() => rmSync(place.path), () => truncateSync(place.path)]) {
      change();
      const ledger = await open(place.path, { remembered: head });
      expect(ledger.loss).toMatchObject({ ...head, found: 0 });
      await ledger.close();
      const data = { known_height: 6, known_hash: head.hash, found_height: 0 };
      expect(await tail(place.path, 5)).toMatchObject([{ height: 1, action: 'ledger_missing', data }]);
    }
  });

  it('that was cut off, or belongs to another chain, is told in the next block', async () => {
    using place = scratch(sample);
    const head = await remembered(place.path);
    const other = await sampleBytes(9);
    for (const [bytes, found] of [
      [Buffer.concat(splitLines(sample).slice(0, 4)), 4],
      [other, 9],
    ] as const) {
      writeFileSync(place.path, bytes);
      const ledger = await open(place.path, { remembered: head });
      expect(ledger.loss).toMatchObject({ ...head, found });
      await ledger.close();
      const data = { known_height: 6, known_hash: head.hash, found_height: found };
      expect(await tail(place.path, 1)).toMatchObject([{ action: 'ledger_diverged', data }]);
      expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok' });
    }
  });

  it('is written down soon after a block and at the end, for this ledger only', async () => {
    using place = scratch(sample);
    const file = join(place.dir, 'head.json');
    const ledger = await open(place.path);
    const memory = rememberHead(ledger, {
      file,
      path: place.path,
      loss: () => undefined,
      onError: (error) => expect(error).toBe(undefined),
    });
    await ledger.append(entry(7));
    await vi.waitFor(
      async () => expect(await readRememberedHead(file, place.path)).toEqual(ledger.head()),
      5000,
    );
    await ledger.append(entry(8));
    await memory.close();
    await ledger.close();
    expect(await readRememberedHead(file, place.path)).toMatchObject({ height: 8 });
    expect(await readRememberedHead(file, '/another/ledger.jsonl')).toBe(undefined);
    writeFileSync(file, '{"half');
    expect(await readRememberedHead(file, place.path)).toBe(undefined);
  });
});

describe('a file that is no longer the one that was written', () => {
  it.each<[string, (path: string) => void, RegExp]>([
    ['moved away', (path) => renameSync(path, `${path}.1`), /moved or removed/],
    ['removed', (path) => rmSync(path), /moved or removed/],
    [
      'replaced',
      (path) => {
        renameSync(path, `${path}.1`);
        writeFileSync(path, '');
      },
      /another file/,
    ],
    ['emptied, as copytruncate does', (path) => truncateSync(path), /cut from \d+ to 0 bytes/],
    ['written to by somebody else', (path) => appendFileSync(path, 'garbage\n'), /wrote 8 bytes/],
  ])('is noticed at once when it was %s, and nothing is acknowledged into it', async (_, change, says) => {
    using place = scratch(sample);
    const ledger = await open(place.path);
    expect(ledger.lost()).toBe(undefined);
    change(place.path);
    expect(ledger.lost()).toMatch(says);
    await expect(ledger.append(entry(7))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    await ledger.close();
  });
});

it('a file that cannot be looked at is no missing one: nothing is made in its place', async () => {
  using place = scratch();
  symlinkSync(place.path, place.path);
  await expect(open(place.path)).rejects.toMatchObject({ code: 'ELOOP' });
});
