// A disk that fails: appends say so, nothing half-written stays, and the ledger works again when the disk does.

import { existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { type FileHandle, open as fsOpen } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type HashedBlock, tail, verifyLedger } from '../../../../src/core/ledger/index.ts';
import { entry, open, scratch } from './scratch.ts';

type Fault = { method: 'write' | 'truncate' | 'sync'; code: string; short?: number };

/** A file system whose ledger file fails as told, as long as it is told so; `opened` counts descriptors. */
function failingFs() {
  const state = { faults: [] as Fault[], opened: 0 };
  const wrap = (file: FileHandle): FileHandle =>
    new Proxy(file, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const fault = state.faults.find((one) => one.method === name);
          if (!fault) return Reflect.apply(value, target, args);
          if (fault.short) {
            const [bytes, from, , at] = args as [Buffer, number, number, number];
            const length = fault.short;
            fault.short = 0;
            return target.write(bytes, from, length, at);
          }
          throw Object.assign(new Error(`${fault.code}: injected`), { code: fault.code });
        };
      },
    });
  const fs = {
    open: async (path: string, flags: number, mode?: number) => {
      state.opened += 1;
      return wrap(await fsOpen(path, flags, mode));
    },
  };
  return { fs, state };
}

const failed = { status: 'rejected', reason: { code: 'ledger-write-failed' } };

describe('a full disk', () => {
  it('fails those appends, leaves no part of them, and the next ones work when there is space', async () => {
    using place = scratch();
    const { fs, state } = failingFs();
    const ledger = await open(place.path, { fs });
    await ledger.append(entry(1));
    const before = readFileSync(place.path);
    state.faults = [{ method: 'write', code: 'ENOSPC', short: 100 }];
    const lost = await Promise.allSettled([ledger.append(entry(2)), ledger.append(entry(3))]);
    expect(lost).toMatchObject([failed, failed]);
    expect(readFileSync(place.path).equals(before)).toBe(true);
    state.faults = [];
    expect((await ledger.append(entry(4))).height).toBe(3);
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 3 });
    expect(await tail(place.path, 2)).toMatchObject([
      { height: 2, action: 'ledger_gap', data: { failed: 2, error: 'ENOSPC: injected' } },
      { height: 3, data: { port: 'vi4' } },
    ]);
  });

  it('tells how much it did not take, and from when to when, also when nobody appends any more', async () => {
    using place = scratch();
    const { fs, state } = failingFs();
    let now = Date.parse('2026-11-30T10:00:00Z');
    const told: HashedBlock[] = [];
    const options = {
      fs,
      clock: { now: () => now, steady: () => now },
      onAppend: (block: HashedBlock) => void told.push(block),
    };
    const ledger = await open(place.path, options);
    state.faults = [{ method: 'write', code: 'ENOSPC' }];
    for (const n of [1, 2, 3]) {
      await expect(ledger.append(entry(n))).rejects.toMatchObject({ code: 'ledger-write-failed' });
      now += 60_000;
    }
    state.faults = [];
    await vi.waitFor(() => expect(told).toHaveLength(1), 20_000);
    expect(told).toMatchObject([
      {
        height: 1,
        action: 'ledger_gap',
        data: {
          since: '2026-11-30T10:00:00.000Z',
          until: '2026-11-30T10:03:00.000Z',
          failed: 3,
          error: 'ENOSPC: injected',
        },
      },
    ]);
    await ledger.append(entry(4));
    expect(told.map(({ action }) => action)).toEqual(['ledger_gap', 'port_attached']);
    await ledger.close();
  });

  describe('whose agent ends before there is room again', () => {
    const full = { method: 'write', code: 'ENOSPC' } as const;

    it('is told of by the next agent, from the first append that failed on, and once', async () => {
      using place = scratch();
      const { fs, state } = failingFs();
      const gapFile = join(place.dir, 'gap.json');
      let now = Date.parse('2026-11-30T10:00:00Z');
      const options = { fs, gapFile, clock: { now: () => now } };
      const before = await open(place.path, options);
      await before.append(entry(1));
      state.faults = [full];
      await Promise.allSettled([before.append(entry(2)), before.append(entry(3))]);
      expect(before.gap()).toMatchObject({ count: 2, error: 'ENOSPC: injected' });
      await before.close();
      now += 60_000;
      const still = await open(place.path, options);
      await expect(still.append(entry(4))).rejects.toMatchObject({ code: 'ledger-write-failed' });
      await still.close();
      state.faults = [];
      now += 60_000;
      for (const n of [5, 6]) {
        const next = await open(place.path, options);
        await next.append(entry(n));
        expect(next.gap()).toBe(undefined);
        await next.close();
      }
      const data = { failed: 3, since: '2026-11-30T10:00:00.000Z', until: '2026-11-30T10:02:00.000Z' };
      expect(await tail(place.path, 9)).toMatchObject([
        { data: { port: 'vi1' } },
        { action: 'ledger_gap', data },
        { data: { port: 'vi5' } },
        { data: { port: 'vi6' } },
      ]);
    });

    it('is told of in its own ledger alone, and a note that is none or has no place harms nobody', async () => {
      using place = scratch();
      const { fs, state } = failingFs();
      const gapFile = join(place.dir, 'gap.json');
      writeFileSync(gapFile, JSON.stringify({ path: '/other', since: 0, count: 1, error: 'x' }));
      for (const file of [gapFile, join(place.dir, 'none', 'gap.json'), place.dir]) {
        const ledger = await open(place.path, { fs, gapFile: file });
        expect(ledger.gap()).toBe(undefined);
        state.faults = [full];
        await expect(ledger.append(entry(1))).rejects.toMatchObject({ code: 'ledger-write-failed' });
        state.faults = [];
        await ledger.append(entry(2));
        await ledger.close();
        writeFileSync(gapFile, 'no note');
      }
      const told = (await tail(place.path, 9)).filter(({ action }) => action === 'ledger_gap');
      expect(told.map(({ data }) => data)).toMatchObject([{ failed: 1 }, { failed: 1 }, { failed: 1 }]);
    });

    it('is not mistaken for a file that was taken away, which the next start tells in its own way', async () => {
      using place = scratch();
      const gapFile = join(place.dir, 'gap.json');
      const ledger = await open(place.path, { gapFile });
      await ledger.append(entry(1));
      renameSync(place.path, `${place.path}.1`);
      await expect(ledger.append(entry(2))).rejects.toMatchObject({ code: 'ledger-write-failed' });
      await ledger.close();
      expect(existsSync(gapFile)).toBe(false);
    });
  });

  it('does not take along what was appended meanwhile', async () => {
    using place = scratch();
    const { fs, state } = failingFs();
    const ledger = await open(place.path, { fs });
    state.faults = [{ method: 'write', code: 'ENOSPC' }];
    const lost = ledger.append(entry(1)).catch((error: unknown) => {
      state.faults = [];
      return error;
    });
    await Promise.resolve();
    await Promise.resolve();
    const later = ledger.append(entry(2));
    expect(await lost).toMatchObject({ code: 'ledger-write-failed' });
    expect(await later).toMatchObject({ height: 2 });
    await ledger.close();
  });
});

describe('short writes', () => {
  it('are completed', async () => {
    using place = scratch();
    const { fs } = failingFs();
    const real = fs.open;
    const dribble = async (path: string, flags: number, mode?: number) => {
      const file = await real(path, flags, mode);
      return new Proxy(file, {
        get: (target, name) =>
          name === 'write'
            ? (bytes: Buffer, from: number, length: number, at: number) =>
                target.write(bytes, from, Math.min(length, 7), at)
            : Reflect.get(target, name),
      });
    };
    const ledger = await open(place.path, { fs: { open: dribble } });
    await Promise.all([1, 2, 3].map((n) => ledger.append(entry(n))));
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 3 });
  });
});

describe('a device that fails', () => {
  it('is not written to again through the same descriptor, which may have forgotten what it lost', async () => {
    using place = scratch();
    const { fs, state } = failingFs();
    const ledger = await open(place.path, { fs });
    await ledger.append(entry(1));
    state.faults = [{ method: 'write', code: 'EIO' }];
    await expect(ledger.append(entry(2))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    state.faults = [];
    expect((await ledger.append(entry(3))).height).toBe(3);
    expect(state.opened).toBe(2);
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 3 });
  });

  it('and then cannot even cut the rest off, is healed once the file can be opened again', async () => {
    using place = scratch();
    const { fs, state } = failingFs();
    const ledger = await open(place.path, { fs });
    await ledger.append(entry(1));
    state.faults = [
      { method: 'write', code: 'EIO', short: 50 },
      { method: 'truncate', code: 'EIO' },
    ];
    await expect(ledger.append(entry(2))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    await expect(ledger.append(entry(3))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    state.faults = [];
    expect(await ledger.append(entry(4))).toMatchObject({ height: 3, data: { port: 'vi4' } });
    await ledger.close();
    expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok', blocks: 3 });
  });

  it('and comes back with other bytes where the last block was, is not appended to', async () => {
    using place = scratch();
    const { fs, state } = failingFs();
    const ledger = await open(place.path, { fs });
    await ledger.append(entry(1));
    state.faults = [{ method: 'write', code: 'EIO' }];
    await expect(ledger.append(entry(2))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    state.faults = [];
    const other = readFileSync(place.path).map((byte) => (byte === 0x76 ? 0x77 : byte));
    writeFileSync(place.path, other);
    await expect(ledger.append(entry(3))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    expect(readFileSync(place.path).equals(other)).toBe(true);
    await ledger.close();
  });

  it('and loses acknowledged blocks, is never papered over', async () => {
    using place = scratch();
    const { fs, state } = failingFs();
    const ledger = await open(place.path, { fs });
    await ledger.append(entry(1));
    await ledger.append(entry(2));
    state.faults = [{ method: 'write', code: 'EIO' }];
    await expect(ledger.append(entry(3))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    state.faults = [];
    truncateSync(place.path, 100);
    await expect(ledger.append(entry(4))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    await expect(ledger.append(entry(5))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    await ledger.close();
  });
});

describe('a ledger that could not be opened, for want of its first block', () => {
  it('writes nothing later: somebody else may have the lock', async () => {
    using place = scratch();
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const { fs, state } = failingFs();
      state.faults.push({ method: 'write', code: 'ENOSPC' });
      const remembered = { height: 9, hash: 'ab'.repeat(32) };
      await expect(open(place.path, { fs, remembered })).rejects.toMatchObject({
        code: 'ledger-write-failed',
      });
      state.faults.length = 0;
      const next = await open(place.path);
      await vi.advanceTimersByTimeAsync(10_000);
      await next.append(entry(1));
      await next.close();
      expect((await tail(place.path, 9)).map(({ action }) => action)).toEqual(['port_attached']);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
