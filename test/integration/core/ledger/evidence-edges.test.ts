// What hardly ever happens to checkpoints, keys and trees: each is told for what it is.

import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import { type Checkpoints, openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import { declaring } from '../../../../src/core/ledger/checkpoint/declarations.ts';
import { exportTiles } from '../../../../src/core/ledger/checkpoint/export-tiles.ts';
import { PassingHeads } from '../../../../src/core/ledger/checkpoint/passing-heads.ts';
import { evidencePaths } from '../../../../src/core/ledger/checkpoint/places.ts';
import { signTree } from '../../../../src/core/ledger/checkpoint/signer.ts';
import { withCheckpoints } from '../../../../src/core/ledger/checkpoint/stored-checkpoints.ts';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { takeOver } from '../../../../src/core/ledger/imported/take-over.ts';
import { type HashedBlock, type LedgerWriter, tail } from '../../../../src/core/ledger/index.ts';
import { newSigner } from '../../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../../src/core/ledger/note/signed-note.ts';
import { sha256Hex } from '../../../../src/core/ledger/sha256.ts';
import { hashWith } from '../../../../src/core/ledger/tree/running-root.ts';
import { openTree, readTree } from '../../../../src/core/ledger/tree/tree-file.ts';
import { entry, open, type Scratch, sampleBytes, scratch, splitLines } from './scratch.ts';

const dir = mkdtempSync(join(tmpdir(), 'opa-edges-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Run {
  ledger: LedgerWriter;
  checkpoints: Checkpoints;
  errors: unknown[];
  end(): Promise<void>;
}

async function run(place: Scratch, more: object = {}): Promise<Run> {
  const ledger = await open(place.path);
  const errors: unknown[] = [];
  const checkpoints = openCheckpoints({
    ...{ ledger, path: place.path, hostname: 'pve1', machineId: 'a'.repeat(32), origin: 'ledger.example' },
    ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: Date.now, mono: () => 1 },
    onError: (error: unknown) => errors.push(error),
    onEpoch: () => undefined,
    ...more,
  });
  await checkpoints.started;
  const end = async () => {
    await checkpoints.close();
    await ledger.close();
  };
  return { ledger, checkpoints, errors, end };
}

const side = (place: Scratch, name: string) => join(place.dir, 'ledger.d', name);

describe('checkpoints', () => {
  it('are kept with what witnesses put under them, each line once', async () => {
    using place = scratch();
    const { checkpoints, end } = await run(place);
    const note = checkpoints.newest()?.note ?? '';
    const [line = ''] = signNote('x\n', [newSigner('witness.example')])
      .split('\n')
      .slice(2);
    await checkpoints.addCosignatures(note, [`${line}\n`]);
    await checkpoints.addCosignatures(note, [`${line}\n`]);
    await end();
    const { all } = await readCheckpoints(side(place, 'checkpoints.jsonl'));
    expect(all.map((kept) => kept.note.signatures.map(({ name }) => name))).toEqual([
      ['ledger.example', 'witness.example'],
    ]);
  });

  it('are read from the end of their file by who looks for the newest', async () => {
    using place = scratch();
    const { ledger, checkpoints, end } = await run(place);
    for (let n = 0; n < 9; n++) {
      await ledger.append(entry(n));
      await checkpoints.sign();
    }
    await end();
    const file = side(place, 'checkpoints.jsonl');
    const { all } = await readCheckpoints(file);
    const { size } = statSync(file);
    for (let last = 1; last <= size + 1; last += 97) {
      const some = await readCheckpoints(file, last);
      expect(some.bad).toEqual([]);
      expect(some.all).toEqual(all.slice(all.length - some.all.length));
    }
    expect((await readCheckpoints(file, size)).all).toHaveLength(10);
    expect((await readCheckpoints(file, 1000)).all.length).toBeGreaterThan(0);
  });

  it('prove nothing of blocks that were not signed', async () => {
    using place = scratch();
    const { checkpoints, end } = await run(place);
    await expect(checkpoints.consistency(0, 2)).rejects.toThrow(RangeError);
    await end();
  });

  it('that cannot be read are not taken for none', async () => {
    using place = scratch();
    const { end } = await run(place);
    await end();
    rmSync(side(place, 'checkpoints.jsonl'));
    mkdirSync(side(place, 'checkpoints.jsonl'));
    const unreadable = { code: 'ledger-evidence-unreadable' };
    await expect(verifyEvidence(place.path, { now: Date.now })).rejects.toMatchObject(unreadable);
    const newest = readCheckpoints(side(place, 'checkpoints.jsonl'), 1000);
    await expect(newest).rejects.toMatchObject(unreadable);
  });

  it('whose bytes the device does not give are not taken for none', async () => {
    // A regular file that opens, and whose first byte cannot be read.
    await expect(withCheckpoints('/proc/self/mem', async () => 'read')).rejects.toMatchObject({
      code: 'ledger-evidence-unreadable',
      cause: { code: 'EIO' },
    });
  });

  it('are not signed of other blocks than were signed before this process began', async () => {
    const paths = evidencePaths(dir);
    const tree = await openTree(paths.tree, 0);
    for (const text of ['a', 'b']) tree.add(text);
    const head = { origin: 'o', epoch: 1, machine: '', size: 1, root: 'ab'.repeat(32), at: '' };
    writeFileSync(paths.signed, JSON.stringify(head));
    const signing = signTree({
      ...{ paths, tree, origin: 'o', epoch: 1, machine: '', signers: [newSigner('o')] },
      ...{ last: undefined, now: Date.now, onRecorded: () => undefined },
    });
    await expect(signing).rejects.toMatchObject({ code: 'ledger-checkpoint-refused' });
    await tree.close();
  });
});

describe('a key', () => {
  it('that is no file is told', async () => {
    using place = scratch();
    mkdirSync(side(place, 'key'), { recursive: true });
    const { errors, end } = await run(place);
    expect(errors).toMatchObject([{ code: 'ledger-key-unusable' }]);
    await end();
  });

  it('that systemd was to hand over and has not is told, and one that it hands over is not rotated here', async () => {
    using place = scratch();
    const credential = join(dir, 'credential');
    const without = await run(place, { credential });
    expect(without.errors).toMatchObject([{ code: 'ledger-key-unusable' }]);
    await without.end();
    writeFileSync(credential, newSigner('any').privateText());
    const { checkpoints, end } = await run(place, { credential });
    await expect(checkpoints.rotateKey()).rejects.toMatchObject({ code: 'ledger-key-unusable' });
    await end();
  });

  it('that a block names and that is none ends the time of the key before, and signs nothing', () => {
    const { take, declared } = declaring();
    const data = { origin: 'o', former: 'x', key: 'no key' };
    take({ action: 'ledger_key_rotated', data, height: 3 } as unknown as HashedBlock);
    const [declaration] = declared.declarations;
    expect(declaration).toMatchObject({ height: 3, origin: 'o' });
    expect(declaration?.key.isOf(Buffer.from('text'), Buffer.alloc(64))).toBe(false);
  });
});

describe('a tree', () => {
  it('whose file cannot be cut or opened is told', async () => {
    await expect(openTree('/dev/zero', 0)).rejects.toMatchObject({ code: 'EINVAL' });
    writeFileSync(join(dir, 'file'), '');
    for (const path of [join(dir, 'file', 'tree'), dir, '/dev/zero'])
      expect(() => readTree(path)).toThrow(expect.objectContaining({ code: 'ledger-tree-unreadable' }));
  });

  it('that is not there says nothing of blocks whose bodies were dropped', async () => {
    const [, , third = Buffer.alloc(0)] = splitLines(await sampleBytes(3));
    const heads = new PassingHeads([2, 3], join(dir, 'none'));
    heads.add(Buffer.from(third), 0, third.length - 1);
    expect([heads.before, heads.rootOf(2), heads.rootOf(3)]).toEqual([2, undefined, undefined]);
  });

  it('is hashed alike where Node has no quick way to', () => {
    const bytes = Buffer.from('block');
    expect(hashWith(undefined)('sha256', bytes, 'binary')).toHaveLength(32);
  });
});

describe('a head', () => {
  it('of another block is none to begin at', async () => {
    using place = scratch();
    const { ledger, end } = await run(place);
    await ledger.append(entry(1));
    await end();
    const from = { size: 1, hash: 'ab'.repeat(32), from: 'a note' };
    expect(await verifyEvidence(place.path, { now: Date.now, from })).toMatchObject({
      verdict: 'diverged',
      fault: { reason: 'known-head' },
    });
  });
});

it('a chain whose last line two readers could read in two ways is put aside, and its good blocks are counted strictly', async () => {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = splitLines(await sampleBytes(2));
  const text = second.subarray(9, -76).toString().replace('"pid":812', '"pid":8.12e2');
  using place = scratch(`${first}{"block":${text},"hash":"${sha256Hex(text)}"}\n`);
  const ledger = await open(place.path, { onBroken: 'set-aside' });
  await ledger.close();
  const [block] = await tail(place.path, 1);
  expect(block).toMatchObject({
    action: 'ledger_set_aside',
    data: { last_good_height: 1, reason: expect.stringMatching(/^not-canonical/) },
  });
});

it('a note of text that no note can have is not signed', () => {
  expect(() => signNote('a\tb\n', [])).toThrow(RangeError);
});

it('a directory of tiles whose checkpoint cannot be read is not written over', async () => {
  using place = scratch();
  const { end } = await run(place);
  await end();
  mkdirSync(join(dir, 'tiles', 'checkpoint'), { recursive: true });
  await expect(exportTiles(place.path, join(dir, 'tiles'))).rejects.toMatchObject({
    code: 'output-failed',
    cause: { code: 'EISDIR' },
  });
});

describe('a copy of an older ledger', () => {
  const sha256 = 'ab'.repeat(32);
  const request = { sha256, file: 'x', user: 'root', pid: 1 };
  const nothing = { append: () => Promise.reject(new Error('nothing is to be recorded')) };

  it('that is a link or a directory is not taken over', async () => {
    using place = scratch();
    await (await open(place.path)).close();
    mkdirSync(side(place, 'imported'), { recursive: true });
    const incoming = join(side(place, 'imported'), `${sha256}.part`);
    symlinkSync('/etc/passwd', incoming);
    await expect(takeOver(nothing, place.path, request)).rejects.toMatchObject({ code: 'ELOOP' });
    rmSync(incoming);
    mkdirSync(incoming);
    await expect(takeOver(nothing, place.path, request)).rejects.toMatchObject({ code: 'bad-argument' });
  });
});
