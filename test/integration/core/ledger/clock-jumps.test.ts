// A host's clock that jumps back and forth, to 1970 and a year ahead, and stands still: nothing fails, nothing is sealed or thrown away for it.

import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import { openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import type { Ledger, LedgerWriter } from '../../../../src/core/ledger/index.ts';
import { openUpkeep, type UpkeepOptions } from '../../../../src/core/ledger/upkeep.ts';
import { agedLedger, copyOf, END, file, run } from './aged-ledger.ts';
import { entry, open, type Scratch, scratch } from './scratch.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
/** Between two looks of an agent that is tried for days. */
const PART = 6 * HOUR;
const START = Date.parse('2026-11-30T10:00:00Z');

/** A clock that somebody sets, over the right time. */
function hostClock() {
  let [ran, said] = [0, 0];
  let stands: number | undefined;
  return {
    now: () => stands ?? START + ran + said,
    steady: () => ran,
    right: () => START + ran,
    pass(ms: number) {
      ran += ms;
    },
    set(jump: Jump) {
      stands = jump === 'stands still' ? this.now() : undefined;
      if (jump === '1970') said = 12 - START - ran;
      else if (jump === 'right') said = 0;
      else if (jump === 'a day back') said -= DAY;
      else if (jump === 'a year forth') said += YEAR;
      // No kernel has a clock before 1970.
      said = Math.max(said, -START - ran);
    },
  };
}
const JUMPS = ['a day back', 'a year forth', '1970', 'stands still', 'right'] as const;
type Jump = (typeof JUMPS)[number] | 'goes on';
type HostClock = ReturnType<typeof hostClock>;

const sealedNames = ({ dir }: Scratch): string[] => {
  try {
    return readdirSync(join(dir, 'ledger.d/segments')).sort();
  } catch {
    return [];
  }
};

const checkpointsOn = (place: Scratch, ledger: LedgerWriter, clock: HostClock) =>
  openCheckpoints({
    ...{ ledger: ledger as unknown as Ledger, path: place.path, hostname: 'pve1', machineId: 'a'.repeat(32) },
    ...{ origin: '', everySeconds: 3600, heartbeatSeconds: 3600, now: clock.now },
    mono: () => clock.steady() / 1000,
    onError: (error: unknown) => expect(error).toBeUndefined(),
    onEpoch: (begun: unknown) => expect(begun).toBeUndefined(),
  });

const upkeepOn = (place: Scratch, ledger: LedgerWriter, clock: HostClock, more: Partial<UpkeepOptions>) =>
  openUpkeep({
    ...{ path: place.path, ledger: ledger as unknown as Ledger, compress: false, keep: {}, pauseMs: 0 },
    ...{ provable: () => ledger.head().height, vanishing: () => undefined },
    ...{ now: clock.now, steady: clock.steady },
    onError: (error: unknown) => expect(error).toBeUndefined(),
    ...more,
  });

const VERIFIER = 'packaging/deb/verify.py';
async function bothVerify({ path }: Scratch, ...more: string[]): Promise<[string, string]> {
  const maxAge = more.length > 0 ? { maxAge: Number(more[1]) } : {};
  const { verdict } = await verifyEvidence(path, { now: Date.now, ...maxAge });
  const { stdout } = await promisify(execFile)('python3', [VERIFIER, ...more, path]).catch(
    (error: { stdout: string }) => error,
  );
  return [verdict, stdout.split(':')[0] ?? ''];
}

describe('while the clock jumps', () => {
  const step = fc.record({ jump: fc.constantFrom(...JUMPS), passMs: fc.integer({ min: 0, max: 2 * HOUR }) });

  it('every block is taken and signed, no file is sealed before its time, and both verifiers find all of it whole', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), async (steps) => {
        using place = scratch();
        const clock = hostClock();
        const limits = { bytes: 1 << 30, ageMs: 31 * DAY };
        const opened = () => open(place.path, { clock, limits });
        let ledger = await opened();
        let checkpoints = checkpointsOn(place, ledger, clock);
        await checkpoints.started;
        for (const [n, { jump, passMs }] of steps.entries()) {
          clock.set(jump);
          clock.pass(passMs);
          expect((await ledger.append(entry(n))).timestamp).toBe(new Date(clock.now()).toISOString());
          if (n % 3 === 0) await checkpoints.sign();
        }
        expect(sealedNames(place)).toEqual([]);
        await checkpoints.close();
        await ledger.close();
        clock.set('right');
        ledger = await opened();
        checkpoints = checkpointsOn(place, ledger, clock);
        await checkpoints.started;
        await checkpoints.close();
        const { height } = ledger.head();
        await ledger.close();
        expect(height).toBe(steps.length + 1);
        expect(await bothVerify(place)).toEqual(['ok', 'ok']);
      }),
      { numRuns: 8 },
    );
  });

  it('a file is sealed by the days that have passed, once', async () => {
    using place = scratch();
    const clock = hostClock();
    const ledger = await open(place.path, { clock, limits: { bytes: 1 << 30, ageMs: 31 * DAY } });
    const sealed: number[] = [];
    let hours = 0;
    ledger.onSealed(() => sealed.push(hours / 24));
    for (; hours < 65 * 24; hours += 6) {
      clock.set(JUMPS[(hours / 6) % JUMPS.length] ?? 'right');
      await ledger.append(entry(hours));
      clock.pass(6 * HOUR);
    }
    await ledger.close();
    // A block is acknowledged before its file is sealed, and the clock goes on then.
    expect(sealed.map((days) => Math.floor(days))).toEqual([31, 62]);
  });

  it('a file that was begun by a clock that was wrong is sealed at most once at a start', async () => {
    using place = scratch();
    const clock = hostClock();
    const limits = { bytes: 1 << 30, ageMs: 31 * DAY };
    clock.set('1970');
    for (const jump of ['right', 'right', 'a year forth', 'right', '1970', 'right'] as const) {
      const ledger = await open(place.path, { clock, limits });
      let sealings = 0;
      ledger.onSealed(() => {
        sealings += 1;
      });
      for (let n = 0; n < 4; n++) await ledger.append(entry(n));
      expect(sealings).toBeLessThanOrEqual(1);
      await ledger.close();
      clock.set(jump);
    }
    expect(sealedNames(place).length).toBeLessThanOrEqual(3);
  });

  it('what could not be written is told with a time that has passed', async () => {
    using place = scratch();
    const clock = hostClock();
    let isFull = true;
    const { realFs } = await import('../../../../src/core/ledger/ledger-fs.ts');
    const fs: typeof realFs = {
      ...realFs,
      async open(path, flags, mode) {
        const opened = await realFs.open(path, flags, mode);
        const write = opened.write.bind(opened) as (...args: unknown[]) => Promise<unknown>;
        return Object.assign(opened, {
          write: (...args: unknown[]) =>
            isFull ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : write(...args),
        }) as never;
      },
    };
    const ledger = await open(place.path, { clock, fs });
    await expect(ledger.append(entry(1))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    clock.pass(2 * HOUR);
    clock.set('a day back');
    isFull = false;
    const told: unknown[] = [];
    ledger.subscribe(({ action, data }) => action === 'ledger_gap' && told.push(data));
    await ledger.append(entry(2));
    const [since, until] = [clock.now() - 2 * HOUR, clock.now()].map((ms) => new Date(ms).toISOString());
    expect(told).toMatchObject([{ since, until }]);
    await ledger.close();
  });
});

describe('retention', () => {
  /** A segment a day, and an agent that looks after them. */
  async function aged(place: Scratch, keepDays: number) {
    const clock = hostClock();
    const ledger = await open(place.path, { clock, limits: { bytes: 1 << 30, ageMs: DAY } });
    const upkeep = upkeepOn(place, ledger, clock, { keep: { ageMs: keepDays * DAY } });
    const ends = new Map<string, number>();
    const part = async (jump: Jump) => {
      clock.set(jump);
      const before = new Set(sealedNames(place));
      const last = clock.right();
      await ledger.append(entry(1));
      for (const name of sealedNames(place)) if (!before.has(name)) ends.set(name, last);
      await upkeep.run();
      clock.pass(PART);
    };
    const close = async () => {
      await upkeep.close();
      await ledger.close();
    };
    return { clock, ledger, upkeep, ends, part, close };
  }

  it('keeps what is young, whatever the clock says meanwhile, and drops what is old when it is right again', async () => {
    using place = scratch();
    const { clock, ends, part, close } = await aged(place, 30);
    for (let n = 0; n < 8 * 4; n++) await part('right');
    const all = sealedNames(place);
    expect(all.length).toBeGreaterThan(5);
    for (const jump of [
      'a year forth',
      'a year forth',
      '1970',
      'a year forth',
      'a day back',
      'right',
    ] as const)
      for (let n = 0; n < 6; n++) await part(n === 0 ? jump : 'goes on');
    expect(sealedNames(place).slice(0, all.length)).toEqual(all);
    // A month later they go, each in its time.
    clock.set('right');
    clock.pass(31 * DAY);
    for (let n = 0; n < 14; n++) await part('right');
    const left = sealedNames(place);
    for (const name of all)
      expect([name, left.includes(name)]).toEqual([
        name,
        clock.right() - PART - (ends.get(name) ?? 0) <= 30 * DAY,
      ]);
    await close();
  });

  it('knows a segment whose last block is of 1970 by the others, and one that has none else by what follows', async () => {
    using place = scratch();
    const { ledger, clock, upkeep, part, close } = await aged(place, 30);
    for (let n = 0; n < 2; n++) await part('right');
    clock.set('1970');
    // It is sealed with this block at its end.
    clock.pass(DAY);
    await ledger.append(entry(1));
    for (let n = 0; n < 6; n++) {
      clock.set('1970');
      clock.pass(PART);
      await ledger.append(entry(2));
    }
    const all = sealedNames(place);
    for (let n = 0; n < 14; n++) await part('right');
    expect(sealedNames(place).slice(0, all.length)).toEqual(all);
    for (let n = 0; n < 40; n++) {
      clock.pass(DAY);
      await upkeep.run();
    }
    expect(sealedNames(place).filter((name) => all.includes(name))).toEqual([]);
    await close();
  });

  it('keeps segments of which no block says a time that can be so', async () => {
    using place = scratch();
    const { ledger, clock, upkeep, close } = await aged(place, 1);
    for (let n = 0; n < 12; n++) {
      clock.set('1970');
      clock.pass(PART);
      await ledger.append(entry(1));
    }
    const all = sealedNames(place);
    expect(all.length).toBeGreaterThan(1);
    clock.set('right');
    for (let n = 0; n < 10; n++) {
      clock.pass(DAY);
      await upkeep.run();
    }
    expect(sealedNames(place).slice(0, all.length)).toEqual(all);
    await close();
  });
});

describe('thinning', () => {
  let original: Scratch;
  beforeAll(async () => {
    ({ original } = await agedLedger());
  }, 60_000);
  afterAll(() => original[Symbol.dispose]());

  /** Times of those that are left, after the agent ran for four days and signed with a clock like this. */
  async function left(jump: Jump): Promise<string[]> {
    using place = copyOf(original);
    const clock = hostClock();
    clock.pass(END - START + HOUR);
    const { ledger, checkpoints } = await run(place, {
      now: clock.now,
      limits: { newest: 1, least: 1 },
    });
    clock.set(jump);
    await ledger.append(entry(1));
    await checkpoints.sign();
    const upkeep = upkeepOn(place, ledger, clock, {
      thin: (signal, believed) => checkpoints.thin(signal, believed),
    });
    await upkeep.run();
    clock.set('right');
    await upkeep.run();
    clock.pass(72 * HOUR);
    await upkeep.run();
    await upkeep.close();
    await checkpoints.close();
    await ledger.close();
    expect((await verifyEvidence(place.path, { now: Date.now })).verdict).toBe('ok');
    return (await readCheckpoints(file(place))).all.map(({ at }) => at);
  }

  it('drops nothing for a clock that is wrong, and what is old once it is right', async () => {
    const right = new Set(await left('right'));
    expect(right.size).toBeLessThan(120);
    for (const jump of ['a year forth', '1970', 'a day back'] as const) {
      const those = await left(jump);
      expect([jump, [...right].filter((at) => Date.parse(at) <= END && !those.includes(at))]).toEqual([
        jump,
        [],
      ]);
    }
  });
});

describe('a newest checkpoint that lies ahead', () => {
  it('is not new: both verifiers say so, and are content with the next one', async () => {
    using place = scratch();
    const ahead = { now: () => Date.now() + YEAR, steady: () => performance.now() };
    const clock = { ...hostClock(), ...ahead };
    const ledger = await open(place.path, { clock: ahead });
    const wrong = checkpointsOn(place, ledger, clock);
    await wrong.started;
    await wrong.close();
    expect(await bothVerify(place, '--max-age', '3600')).toEqual(['gap', 'gap']);
    expect(await bothVerify(place)).toEqual(['ok', 'ok']);
    const right = checkpointsOn(place, ledger, { ...clock, now: Date.now });
    await right.started;
    await ledger.append(entry(1));
    await right.close();
    await ledger.close();
    expect(await bothVerify(place, '--max-age', '3600')).toEqual(['ok', 'ok']);
  });
});
