// A witness and its disk: what was seen is never forgotten, whoever asks at the same time and whatever the disk does.

import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cosignedAt, cosignerOf } from '../../../src/core/ledger/note/cosignature.ts';
import { newSigner } from '../../../src/core/ledger/note/keys.ts';
import { parseNote } from '../../../src/core/ledger/note/signed-note.ts';
import { addCheckpointBody } from '../../../src/witness/add-checkpoint.ts';
import { makeSeenHeads, openSeenHeads, type SeenHeads } from '../../../src/witness/seen-heads.ts';
import { openWitness, type Told } from '../../../src/witness/witness.ts';
import { memoryLog } from './memory-log.ts';

const ORIGIN = 'host.example/ledger';
let folder: string;
let seen: SeenHeads;
let told: Told[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'witness-'));
  await makeSeenHeads(join(folder, 'seen'));
  seen = openSeenHeads(join(folder, 'seen'));
  told = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const signer = newSigner('witness.example');
const log = memoryLog(ORIGIN);
log.grow(200);

const witnessOver = (heads: SeenHeads = seen, now = 1_700_000_000_123) =>
  openWitness({
    signer,
    keysOf: (origin) => (origin === ORIGIN ? [log.signer.verifier] : []),
    seen: heads,
    now: () => now,
    onTold: (one) => told.push(one),
  });
const body = async (old: number, size: number) =>
  Buffer.from(addCheckpointBody(old, await log.consistency(old, size), log.at(size).note));

describe('a witness', () => {
  it('answers with a cosignature that holds, after it has the checkpoint on disk', async () => {
    let kept = 0;
    const slow: SeenHeads = {
      ...seen,
      keep: async (head) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        await seen.keep(head);
        kept = head.size;
      },
    };
    const { status, body: line } = await witnessOver(slow).addCheckpoint(await body(0, 7));
    expect([status, kept]).toEqual([200, 7]);
    const note = parseNote(log.at(7).note + line);
    expect(cosignedAt(note, cosignerOf(signer.verifier))).toBe(1_700_000_000);
    const [head] = await seen.all();
    expect(head).toMatchObject({
      origin: ORIGIN,
      size: 7,
      root: log.at(7).root,
      at: '2023-11-14T22:13:20.123Z',
    });
    expect(cosignedAt(parseNote(head?.note ?? ''), cosignerOf(signer.verifier))).toBe(1_700_000_000);
  });

  it('goes on from what it has seen, also after it was started anew', async () => {
    expect(await witnessOver().addCheckpoint(await body(0, 7))).toMatchObject({ status: 200 });
    expect(await witnessOver().addCheckpoint(await body(0, 9))).toEqual({
      status: 409,
      type: 'text/x.tlog.size',
      body: '7\n',
    });
    expect(await witnessOver().addCheckpoint(await body(7, 9))).toMatchObject({ status: 200 });
  });

  it('knows no log but those it was told of', async () => {
    const other = memoryLog('other.example');
    const request = addCheckpointBody(0, [], other.grow(3).note);
    expect(await witnessOver().addCheckpoint(Buffer.from(request))).toMatchObject({ status: 404 });
    expect(await witnessOver().addCheckpoint(Buffer.from('old'))).toMatchObject({ status: 400 });
    expect(await readdir(join(folder, 'seen'))).toEqual([]);
  });

  // The race that the specification names: the smaller one must not come to lie over the larger one.
  it('lets two that ask at once have their turns', async () => {
    const witness = witnessOver();
    await witness.addCheckpoint(await body(0, 10));
    const answers = await Promise.all([
      witness.addCheckpoint(await body(10, 20)),
      witness.addCheckpoint(await body(10, 30)),
      witness.addCheckpoint(await body(10, 15)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 409, 409]);
    expect((await seen.latest(ORIGIN))?.size).toBe(20);
  });

  it('of many that ask at once cosigns one history', async () => {
    const witness = witnessOver();
    let done = 0;
    for (let round = 0; round < 20; round += 1) {
      const from = (await seen.latest(ORIGIN))?.size ?? 0;
      const wanted = Array.from({ length: 8 }, (_, i) => from + 1 + ((i * 5) % 8));
      const requests = await Promise.all(wanted.map((size) => body(from, size)));
      const answers = await Promise.all(requests.map((one) => witness.addCheckpoint(one)));
      const granted = wanted.filter((_, i) => answers[i]?.status === 200);
      expect(granted).toHaveLength(1);
      expect((await seen.latest(ORIGIN))?.size).toBe(granted[0]);
      done += 1;
    }
    expect(done).toBe(20);
  });

  it('tells of a log that forked, and of no other refusal', async () => {
    const witness = witnessOver();
    await witness.addCheckpoint(await body(0, 7));
    await witness.addCheckpoint(await body(3, 9));
    expect(told).toEqual([]);
    const fork = memoryLog(ORIGIN, log.signer);
    fork.grow(1);
    fork.rollBack(0);
    fork.grow(7);
    const forked = addCheckpointBody(7, [], fork.at(7).note);
    expect(await witness.addCheckpoint(Buffer.from(forked))).toMatchObject({ status: 409, body: '7\n' });
    fork.grow(3);
    const later = addCheckpointBody(7, await fork.consistency(7, 10), fork.at(10).note);
    expect(await witness.addCheckpoint(Buffer.from(later))).toMatchObject({ status: 422 });
    expect(told.map(({ text }) => text.split(' (')[0])).toEqual([
      'another root was seen of this size',
      'the proof does not lead from what was seen to this',
    ]);
  });
});

describe('what was seen', () => {
  const fileOf = async () => join(folder, 'seen', (await readdir(join(folder, 'seen')))[0] ?? '');

  it.each([
    ['cut', async (path: string) => writeFile(path, (await readFile(path, 'utf8')).slice(0, 40))],
    ['emptied', (path: string) => writeFile(path, '')],
    [
      'of another log',
      async (path: string) => writeFile(path, (await readFile(path, 'utf8')).replace(ORIGIN, 'x')),
    ],
    [
      'a directory',
      async (path: string) => {
        await rm(path);
        await makeSeenHeads(path);
      },
    ],
    ['without its directory', async () => rename(join(folder, 'seen'), join(folder, 'gone'))],
  ])('and is %s is not the first use: nothing is cosigned', async (_, damage) => {
    await witnessOver().addCheckpoint(await body(0, 7));
    await damage(await fileOf());
    for (const old of [0, 7])
      expect(await witnessOver().addCheckpoint(await body(old, 9))).toMatchObject({ status: 503 });
    expect(told.map(({ text }) => text)).toEqual(
      Array(2).fill(expect.stringContaining('witness-state-unusable')),
    );
  });

  it('and cannot be written is told, and not cosigned', async () => {
    await witnessOver().addCheckpoint(await body(0, 7));
    const full: SeenHeads = { ...seen, keep: () => Promise.reject(new Error('ENOSPC')) };
    expect(await witnessOver(full).addCheckpoint(await body(7, 9))).toMatchObject({ status: 503 });
    expect(await witnessOver().addCheckpoint(await body(7, 9))).toMatchObject({ status: 200 });
  });
});
