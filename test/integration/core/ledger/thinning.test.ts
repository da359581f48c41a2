// Old checkpoints are thinned out; whoever verifies finds the same before and after, and why.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KeptCheckpoint,
  keepCheckpoint,
  readCheckpoints,
} from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import { evidencePaths } from '../../../../src/core/ledger/checkpoint/places.ts';
import { type ThinParts, thinCheckpoints } from '../../../../src/core/ledger/checkpoint/thin.ts';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { type Ledger, readBlocks } from '../../../../src/core/ledger/index.ts';
import { checkpointText } from '../../../../src/core/ledger/note/checkpoint.ts';
import { cosignerOf } from '../../../../src/core/ledger/note/cosignature.ts';
import { newSigner, type Signer, verifierText } from '../../../../src/core/ledger/note/keys.ts';
import { parsePolicy } from '../../../../src/core/ledger/note/policy.ts';
import { signNote } from '../../../../src/core/ledger/note/signed-note.ts';
import { openTree } from '../../../../src/core/ledger/tree/tree-file.ts';
import { openUpkeep } from '../../../../src/core/ledger/upkeep.ts';
import { agedLedger, copyOf, cosigned, END, file, lineOf, run, side, witness } from './aged-ledger.ts';
import { entry, type Scratch, splitLines } from './scratch.ts';

let original: Scratch;
let former: Signer;
let key: Signer;
beforeAll(async () => {
  ({ original, former, key } = await agedLedger());
}, 60_000);
afterAll(() => original[Symbol.dispose]());

interface Thinned {
  dropped: number;
  told: { action: string; data: unknown }[];
}

/** Thins as the agent does, and tells the ledger nothing: so that the two can be compared. */
async function thin(place: Scratch, more: Partial<ThinParts> = {}): Promise<Thinned> {
  const paths = evidencePaths(join(place.dir, 'ledger.d'));
  const tree = await openTree(paths.tree, Number.POSITIVE_INFINITY);
  const told: Thinned['told'] = [];
  const ledger = {
    append: async ({ action, data }: { action: string; data: unknown }) => void told.push({ action, data }),
  } as unknown as Pick<Ledger, 'append'>;
  try {
    const dropped = await thinCheckpoints({
      ...{
        path: place.path,
        paths,
        tree,
        ledger,
        inTurn: (work) => work(),
        signal: new AbortController().signal,
        believed: END,
      },
      ...{ pauseMs: 0, limits: { newest: 5, least: 1 } },
      ...more,
    });
    return { dropped, told };
  } finally {
    await tree.close();
  }
}

const verify = (place: Scratch, more: object = {}) => verifyEvidence(place.path, { now: () => END, ...more });
const policies = () => {
  const logs = [former, key].map(({ verifier }) => `log ${verifierText(verifier)}\n`);
  const seen = `witness w ${verifierText(cosignerOf(witness.verifier))}\nquorum w\n`;
  return [`${logs[0]}quorum none\n`, `${logs.join('')}${seen}`].map(parsePolicy);
};

/** What verification says that must not depend on thinning: all but which of the intermediate heads is told of, and how many there are. */
async function saidOf(place: Scratch) {
  const said = await Promise.all(
    [undefined, ...policies()].map((policy) => verify(place, policy ? { policy, maxAge: 60 } : {})),
  );
  return said.map(({ verdict, newest, witnesses, unreadable, fault }) => ({
    ...{ verdict, unreadable, reason: fault?.reason },
    height: fault?.reason === 'lost' ? fault.height : undefined,
    // Behind a bad one nothing counts, and which is the last before it is of no account.
    ...(verdict !== 'bad-signature' && { witnesses, text: newest?.text, at: newest?.at }),
  }));
}

describe('thinning', () => {
  it('leaves the newest, one each hour and one each day, those of two keys, and what a witness saw last', async () => {
    using place = copyOf(original);
    const before = readFileSync(file(place));
    const whole = (await readCheckpoints(file(place))).all;
    const { dropped, told } = await thin(place);
    const { all } = await readCheckpoints(file(place));
    expect(all.length).toBe(whole.length - dropped);
    expect(all.length).toBeLessThan(110);
    const left = all.map(({ checkpoint }) => checkpoint.size);
    const last = left.at(-1) ?? 0;
    expect(left.filter((size) => last - size < 30)).toHaveLength(30);
    expect(whole.filter(({ text }) => text.split('— ').length > 2 && !text.includes('witness'))).toSatisfy(
      (both: KeptCheckpoint[]) =>
        both.length === 1 && both.every(({ checkpoint }) => left.includes(checkpoint.size)),
    );
    const hours = new Set(
      whole.filter(({ checkpoint: { size } }) => size > 60).map(({ at }) => at.slice(0, 13)),
    );
    const days = new Set(
      whole.filter(({ checkpoint: { size } }) => size <= 60).map(({ at }) => at.slice(0, 10)),
    );
    for (const period of [...hours, ...days]) {
      const its = whole.filter(({ at }) => at.startsWith(period));
      expect(left).toContain(its.at(-1)?.checkpoint.size);
      const seen = its.findLast(({ text }) => text.includes('witness.example'));
      if (seen) expect(all.map(({ text }) => text)).toContain(seen.text);
    }
    const sha256 = createHash('sha256').update(before).digest('hex');
    const up_to = Math.max(
      ...whole.map(({ checkpoint }) => checkpoint.size).filter((size) => !left.includes(size)),
    );
    expect(told).toEqual([
      { action: 'ledger_checkpoints_thinned', data: { dropped, up_to, bytes: before.length, sha256 } },
    ]);
    expect(statSync(file(place)).mode & 0o777).toBe(0o640);
    expect(existsSync(`${file(place)}.part`)).toBe(false);
    expect((await thin(place)).dropped).toBe(0);
    expect(await verify(place)).toMatchObject({ verdict: 'ok', checkpoints: all.length });
  });

  /** What may have become of the file of checkpoints. */
  const damage = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), to: fc.integer({ min: 1, max: 255 }) }),
    fc.record({
      kind: fc.constantFrom(
        'drop',
        'double',
        'move',
        'junk',
        'former',
        'late',
        'fork',
        'foreign',
        'none' as const,
      ),
      at: fc.nat(),
      to: fc.nat(),
    }),
  );

  function readable(line: Buffer): { at: string; note: string } {
    try {
      return JSON.parse(String(line));
    } catch {
      return { at: 'x', note: 'x' };
    }
  }

  function damaged(lines: Buffer[], { kind, at, to }: { kind: string; at: number; to: number }): Buffer[] {
    const index = at % lines.length;
    const line = lines[index] as Buffer;
    const { at: when, note } = readable(line);
    const [origin = '', size = '', root = ''] = note.split('\n');
    const again = (text: string, by: Signer) =>
      Buffer.from(`${JSON.stringify({ at: when, note: signNote(text, [by]) })}\n`);
    const made: Record<string, () => Buffer[]> = {
      none: () => [line],
      flip: () => {
        const other = Buffer.from(line);
        const byte = at % (line.length - 1);
        other[byte] = (other[byte] ?? 0) ^ to;
        return [other];
      },
      drop: () => [],
      double: () => [line, line],
      junk: () => [Buffer.from('no checkpoint\n'), line],
      former: () => [again(`${origin}\n${size}\n${root}\n`, former)],
      late: () => [again(`${origin}\n${size}\n${root}\n`, key)],
      fork: () => [
        line,
        again(
          `${origin}\n${size}\n${Buffer.alloc(32, to).toString('base64')}\n`,
          Number(size) > 110 ? key : former,
        ),
      ],
      foreign: () => [line, again(`other.example\n${size}\n${root}\n`, newSigner('other.example'))],
    };
    const rest = lines.toSpliced(index, 1, ...(made[kind] ?? (() => []))());
    return kind === 'move' ? rest.toSpliced(to % rest.length, 0, line) : rest;
  }

  it('changes nothing of what verification says, whatever was done to the checkpoints before', async () => {
    let [droppedOnce, faults] = [0, 0];
    const lines = splitLines(readFileSync(file(original)));
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { maxLength: 3 }), async (all) => {
        using place = copyOf(original);
        writeFileSync(file(place), Buffer.concat(all.reduce(damaged, lines)));
        const before = await saidOf(place);
        const { dropped } = await thin(place);
        expect(await saidOf(place)).toEqual(before);
        if (dropped > 0) droppedOnce += 1;
        if (before[0]?.verdict !== 'ok') faults += 1;
      }),
      { numRuns: 25, endOnFailure: true },
    );
    expect(droppedOnce).toBeGreaterThan(5);
    expect(faults).toBeGreaterThan(2);
  }, 120_000);

  it('hides nothing that is done to the blocks afterwards', async () => {
    using thinned = copyOf(original);
    await thin(thinned);
    const lines = splitLines(readFileSync(original.path));
    const blocks = fc.record({
      at: fc.nat({ max: lines.length - 1 }),
      kind: fc.constantFrom('cut', 'drop', 'flip', 'none'),
    });
    await fc.assert(
      fc.asyncProperty(blocks, async ({ at, kind }) => {
        const changed = {
          none: () => lines,
          cut: () => lines.slice(0, at),
          drop: () => lines.toSpliced(at, 1),
          flip: () => lines.with(at, Buffer.from(String(lines[at]).replace('"pid":812', '"pid":813'))),
        }[kind as 'cut']();
        const verdicts = [];
        for (const from of [original, thinned]) {
          using place = copyOf(from);
          writeFileSync(place.path, Buffer.concat(changed));
          verdicts.push((await verify(place)).verdict);
        }
        expect(verdicts[1]).toBe(verdicts[0]);
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  it('hides nothing of a ledger that is emptied, or cut before its newest key, afterwards and goes on', {
    timeout: 240_000,
  }, async () => {
    const script = join(import.meta.dirname, '../../../../packaging/deb/verify.py');
    using thinned = copyOf(original);
    expect((await thin(thinned)).dropped).toBeGreaterThan(0);
    const lines = splitLines(readFileSync(original.path));
    for (const left of [0, 60])
      for (const from of [original, thinned]) {
        using place = copyOf(from);
        writeFileSync(place.path, Buffer.concat(lines.slice(0, left)));
        const verdict = async () => {
          const found = await verify(place);
          // One signature takes the second verifier milliseconds: it is asked of those that are few.
          if (from === thinned) {
            const { stdout } = spawnSync('python3', [script, place.path], { encoding: 'utf8' });
            expect(stdout.split(':')[0]).toBe(found.verdict);
          }
          return found.verdict;
        };
        expect(await verdict()).toBe('diverged');
        const { ledger, checkpoints } = await run(place);
        await checkpoints.sign();
        for (let n = 0; n < 9; n++) {
          await ledger.append(entry(n));
          await checkpoints.sign();
        }
        await checkpoints.close();
        await ledger.close();
        expect(await verdict()).toBe('gap');
        await thin(place);
        expect(await verdict()).toBe('gap');
      }
  });

  it('leaves both of two heads that were signed for one size', async () => {
    using place = copyOf(original);
    const lines = splitLines(readFileSync(file(place)));
    const index = lines.findIndex((line) => String(line).includes('example\\n77\\n'));
    const forked = damaged(lines, { kind: 'fork', at: index, to: 9 });
    writeFileSync(file(place), Buffer.concat(forked));
    const of77 = async () =>
      (await readCheckpoints(file(place))).all.filter(({ checkpoint }) => checkpoint.size === 77);
    expect(await of77()).toHaveLength(2);
    expect((await thin(place)).dropped).toBeGreaterThan(0);
    expect(await of77()).toHaveLength(2);
    expect((await verify(place)).verdict).toBe('diverged');
  });

  it('takes along what is written meanwhile, and a reader that has the file open sees all of it', async () => {
    using place = copyOf(original);
    const later = lineOf(END, '{"at":1}');
    const inTurn: ThinParts['inTurn'] = async (work) => {
      writeFileSync(file(place), later, { flag: 'a' });
      return work();
    };
    expect((await thin(place, { inTurn })).dropped).toBeGreaterThan(0);
    expect(readFileSync(file(place), 'utf8').endsWith(later)).toBe(true);
  });

  it('is left for the next time when a witness answers about one that was to go, or the file is another', async () => {
    using place = copyOf(original);
    const whole = (await readCheckpoints(file(place))).all;
    const late = whole[2] as KeptCheckpoint;
    const inTurn: ThinParts['inTurn'] = async (work) => {
      await keepCheckpoint(file(place), late.at, cosigned(late.text));
      return work();
    };
    expect(await thin(place, { inTurn })).toEqual({ dropped: 0, told: [] });
    expect((await readCheckpoints(file(place))).all).toHaveLength(whole.length);
    const replaced: ThinParts['inTurn'] = async (work) => {
      const bytes = readFileSync(file(place));
      renameSync(file(place), `${file(place)}.old`);
      writeFileSync(file(place), bytes);
      return work();
    };
    expect(await thin(place, { inTurn: replaced })).toEqual({ dropped: 0, told: [] });
    expect(existsSync(`${file(place)}.part`)).toBe(false);
  });

  it('is not done where what was signed last is not known, or is not so', async () => {
    using place = copyOf(original);
    const head = JSON.parse(readFileSync(side(place, 'signed.json'), 'utf8')) as { size: number };
    for (const text of [
      'none',
      JSON.stringify({ ...head, root: 'ab'.repeat(32) }),
      JSON.stringify({ ...head, size: 1000 }),
    ]) {
      writeFileSync(side(place, 'signed.json'), text);
      expect(await thin(place)).toEqual({ dropped: 0, told: [] });
    }
    rmSync(side(place, 'signed.json'));
    expect(await thin(place)).toEqual({ dropped: 0, told: [] });
  });

  it('is not done where the newest checkpoint is not what was signed last, nor where there are few', async () => {
    using place = copyOf(original);
    expect((await thin(place, { limits: { newest: 3, least: 1000 } })).dropped).toBe(0);
    expect((await thin(place, { limits: { newest: 0, least: 190 } })).dropped).toBe(0);
    const lines = splitLines(readFileSync(file(place)));
    writeFileSync(file(place), Buffer.concat(lines.slice(0, -1)));
    expect((await thin(place)).dropped).toBe(0);
    rmSync(file(place));
    expect((await thin(place)).dropped).toBe(0);
  });

  it('that is told to stop, or cannot tell the ledger, leaves the file as it was', async () => {
    using place = copyOf(original);
    const before = readFileSync(file(place));
    const stop = new AbortController();
    const inTurn: ThinParts['inTurn'] = () => Promise.reject(new Error('the disk is full'));
    await expect(thin(place, { inTurn })).rejects.toThrow('the disk is full');
    stop.abort();
    await expect(thin(place, { signal: stop.signal })).rejects.toThrow();
    expect(readFileSync(file(place)).equals(before)).toBe(true);
    expect(existsSync(`${file(place)}.part`)).toBe(false);
  });
});

describe('an agent', () => {
  it('thins as part of its upkeep, once the file has grown much, and hears no witness on what is gone', async () => {
    using place = copyOf(original);
    const { ledger, checkpoints } = await run(place, { limits: { newest: 5, least: 1 } });
    const errors: unknown[] = [];
    const GROWN = readFileSync(file(place), 'utf8').length - 1;
    let ran = 0;
    const upkeep = openUpkeep({
      ...{
        path: place.path,
        ledger: ledger as unknown as Ledger,
        compress: false,
        keep: {},
        now: () => END + ran,
      },
      ...{ provable: () => 0, vanishing: () => undefined, onError: (error: unknown) => errors.push(error) },
      steady: () => ran,
      thin: (signal, believed) => checkpoints.thin(signal, believed),
    });
    await upkeep.run();
    // Its clock has to say the same for three days first.
    expect(readFileSync(file(place), 'utf8').length).toBeGreaterThan(GROWN);
    ran += 3 * 86_400_000;
    await upkeep.run();
    await upkeep.run();
    expect(errors).toEqual([]);
    const told: string[] = [];
    for await (const { action } of readBlocks(place.path)) told.push(action);
    expect(told.filter((action) => action === 'ledger_checkpoints_thinned')).toHaveLength(1);
    const { all } = await readCheckpoints(file(place));
    expect(all.length).toBeLessThan(110);
    const before = readFileSync(file(place), 'utf8');
    const gone = signNote(checkpointText({ origin: 'ledger.example', size: 5, root: Buffer.alloc(32) }), [
      former,
    ]);
    await checkpoints.addCosignatures(gone, [`${cosigned(gone).split('\n').at(-2)}\n`]);
    expect(readFileSync(file(place), 'utf8')).toBe(before);
    const kept = all[0] as KeptCheckpoint;
    await upkeep.close();
    await checkpoints.close();
    await ledger.close();
    expect(kept.checkpoint.size).toBe(1);
    expect((await verify(place)).verdict).toBe('ok');
  });

  it('does not thin while there is no tree', async () => {
    using place = copyOf(original);
    rmSync(side(place, 'tree'));
    mkdirSync(side(place, 'tree'));
    const errors: unknown[] = [];
    const { ledger, checkpoints } = await run(place, { onError: (error: unknown) => errors.push(error) });
    const before = readFileSync(file(place), 'utf8');
    await checkpoints.thin(new AbortController().signal, END);
    expect(readFileSync(file(place), 'utf8')).toBe(before);
    expect(errors).toHaveLength(1);
    await checkpoints.close();
    await ledger.close();
  });
});
