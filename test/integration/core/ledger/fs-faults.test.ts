// A call of the file system that fails where it does the most harm: sealing, settling and reading leave no block lost or doubled.

import {
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import { readBlocks, verifyLedger } from '../../../../src/core/ledger/index.ts';
import { APPEND_FLAGS, realFs } from '../../../../src/core/ledger/ledger-fs.ts';
import { packSegment } from '../../../../src/core/ledger/pack-segment.ts';
import { ledgerPaths } from '../../../../src/core/ledger/paths.ts';
import { SealedNotDurable, sealActive } from '../../../../src/core/ledger/seal.ts';
import { oldestHeight, sealedSegments, segmentName } from '../../../../src/core/ledger/segments.ts';
import { settleSegments } from '../../../../src/core/ledger/settle-segments.ts';
import { entry, open, type Scratch, sampleBytes, scratch, splitLines } from './scratch.ts';

type Call = 'link' | 'rename' | 'open' | 'readdir';
interface Fault {
  call: Call;
  /** Of its first argument. */
  path: RegExp;
  code?: string;
  /** Instead of failing. */
  before?: () => unknown;
  always?: boolean;
}

const faults = vi.hoisted(() => [] as Fault[]);

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const faulty =
    (call: Call) =>
    async (...args: unknown[]) => {
      const at = faults.findIndex((fault) => fault.call === call && fault.path.test(String(args[0])));
      const fault = faults[at];
      if (fault && !fault.always) faults.splice(at, 1);
      if (fault?.code) throw Object.assign(new Error(`${fault.code}: injected`), { code: fault.code });
      await fault?.before?.();
      return (real[call] as (...all: unknown[]) => unknown)(...args);
    };
  return {
    ...real,
    link: faulty('link'),
    rename: faulty('rename'),
    open: faulty('open'),
    readdir: faulty('readdir'),
  };
});

beforeEach(() => void faults.splice(0));

const lineOf = async (place: Scratch) => {
  writeFileSync(place.path, await sampleBytes(2));
  const paths = ledgerPaths(place.path);
  mkdirSync(paths.segments, { recursive: true });
  return { paths, sealed: join(paths.segments, segmentName(1)) };
};

describe('sealing', () => {
  it.each([
    ['the second name', { call: 'link', path: /ledger\.jsonl$/, code: 'EIO' }],
    ['the change of names', { call: 'rename', path: /./, code: 'EIO' }],
  ] as [string, Fault][])('that fails at %s leaves the file as it was', async (_, fault) => {
    using place = scratch();
    const { paths, sealed } = await lineOf(place);
    const before = readFileSync(place.path);
    faults.push(fault);
    await expect(sealActive(paths, 1, realFs)).rejects.toMatchObject({ code: 'EIO' });
    expect(readFileSync(place.path)).toEqual(before);
    expect([existsSync(sealed), existsSync(paths.next)]).toEqual([false, false]);
  });

  it('whose name may not survive a power cut says so, and has every block', async () => {
    using place = scratch();
    const { paths, sealed } = await lineOf(place);
    const before = readFileSync(place.path);
    faults.push({ call: 'open', path: /ledger\.d$/, code: 'EIO' });
    await expect(sealActive(paths, 1, realFs)).rejects.toBeInstanceOf(SealedNotDurable);
    expect([readFileSync(sealed), readFileSync(place.path).length]).toEqual([before, 0]);
  });

  it('takes a name that an attempt before it has left, and no name of another file', async () => {
    using place = scratch();
    const { paths, sealed } = await lineOf(place);
    linkSync(place.path, sealed);
    await (await sealActive(paths, 1, realFs)).close();
    writeFileSync(place.path, await sampleBytes(1));
    await expect(sealActive(paths, 1, realFs)).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it('whose new file cannot be made durable leaves none', async () => {
    using place = scratch();
    const { paths } = await lineOf(place);
    const open_ = async (path: string, flags: number, mode?: number): Promise<FileHandle> => {
      const file = await openFile(path, flags, mode);
      file.sync = () => Promise.reject(new Error('no room'));
      return file;
    };
    await expect(sealActive(paths, 1, { open: open_ })).rejects.toThrow('no room');
    expect(existsSync(paths.next)).toBe(false);
    expect(APPEND_FLAGS & constants.O_RDWR).toBe(constants.O_RDWR);
  });

  it('that was not durable is made so by the next append, and none is lost', async () => {
    using place = scratch();
    const ledger = await open(place.path, { limits: { bytes: 3000, ageMs: 1e9 } });
    const { segments } = ledgerPaths(place.path);
    const sealedFiles = () => (existsSync(segments) ? readdirSync(segments).length : 0);
    let count = 0;
    const until = async (files: number) => {
      for (; sealedFiles() < files; count++) await ledger.append(entry(count));
    };
    await until(1);
    faults.push({ call: 'open', path: /ledger\.d$/, code: 'EIO' });
    await until(3);
    await ledger.close();
    expect(faults).toEqual([]);
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: count });
  });
});

describe('segments', () => {
  it('that cannot be listed are not taken for none', async () => {
    using place = scratch();
    const { paths } = await lineOf(place);
    faults.push({ call: 'readdir', path: /segments$/, code: 'EIO' });
    await expect(sealedSegments(paths)).rejects.toMatchObject({ code: 'bad-argument' });
    faults.push({ call: 'readdir', path: /segments$/, code: 'EIO' });
    await expect(settleSegments(paths)).rejects.toMatchObject({ code: 'EIO' });
  });

  it('that come and go all the time are given up', async () => {
    using place = scratch();
    const { paths, sealed } = await lineOf(place);
    renameSync(place.path, sealed);
    writeFileSync(place.path, '');
    expect(await oldestHeight(place.path)).toBe(1);
    faults.push({ call: 'open', path: /segments\//, code: 'ENOENT', always: true });
    const reading = async () => {
      for await (const _ of readBlocks(place.path)) break;
    };
    await expect(reading()).rejects.toMatchObject({ code: 'bad-argument' });
    expect(paths.segments).toContain('segments');
  });

  it('of which one is sealed between two looks is read all the same', async () => {
    using place = scratch();
    const { sealed } = await lineOf(place);
    faults.push({
      call: 'open',
      path: /ledger\.jsonl$/,
      before: () => {
        renameSync(place.path, sealed);
        writeFileSync(place.path, '');
      },
    });
    const heights: number[] = [];
    for await (const { height } of readBlocks(place.path)) heights.push(height);
    expect(heights).toEqual([1, 2]);
  });

  it('have an oldest block where nothing is sealed, too', async () => {
    using place = scratch();
    await lineOf(place);
    expect(await oldestHeight(place.path)).toBe(1);
  });

  it('of which a packed one says otherwise than the plain one are both kept', async () => {
    using place = scratch();
    const { paths, sealed } = await lineOf(place);
    renameSync(place.path, sealed);
    writeFileSync(place.path, '');
    writeFileSync(`${sealed}.gz`, 'not what is in the plain one');
    await settleSegments(paths);
    expect(readdirSync(paths.broken)).toEqual([`${segmentName(1)}.gz`]);
    expect(existsSync(sealed)).toBe(true);
  });

  it('that change while they are packed stay as they are', async () => {
    using place = scratch();
    const { paths, sealed } = await lineOf(place);
    renameSync(place.path, sealed);
    const [one] = await sealedSegments(paths);
    if (one === undefined) throw new Error('no segment');
    const lines = splitLines(readFileSync(sealed));
    faults.push({
      call: 'open',
      path: /\.part$/,
      before: () =>
        faults.push({ call: 'open', path: /\.part$/, before: () => writeFileSync(sealed, lines[0] ?? '') }),
    });
    await expect(
      packSegment(paths, one, { signal: new AbortController().signal } as never),
    ).rejects.toMatchObject({ code: 'ledger-broken' });
    expect(readdirSync(paths.segments)).toEqual([segmentName(1)]);
  });
});

describe('a tree that is made while blocks come', () => {
  it.each([50, 12_000])('has them all: %d', async (count) => {
    using place = scratch();
    const ledger = await open(place.path);
    for (let n = 0; n < 5; n++) await ledger.append(entry(n));
    faults.push({
      call: 'open',
      path: /ledger\.jsonl$/,
      before: () => Promise.all(Array.from({ length: count }, (_, n) => ledger.append(entry(n)))),
    });
    const errors: unknown[] = [];
    const checkpoints = openCheckpoints({
      ...{ ledger, path: place.path, hostname: 'pve1', machineId: 'a'.repeat(32), origin: '' },
      ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: Date.now, mono: () => 1 },
      onError: (error) => errors.push(error),
      onEpoch: () => undefined,
    });
    await checkpoints.started;
    expect(errors).toEqual([]);
    expect(checkpoints.newest()?.size).toBe(ledger.head().height);
    await checkpoints.close();
    await ledger.close();
  });
});
