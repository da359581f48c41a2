// What a witness says of any checkpoint: the statuses of the specification, in its order.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointText } from '../../../src/core/ledger/note/checkpoint.ts';
import { newSigner } from '../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../src/core/ledger/note/signed-note.ts';
import { addCheckpointBody, parseAddCheckpoint, parseSize } from '../../../src/witness/add-checkpoint.ts';
import { type Head, judge, nothingSeen } from '../../../src/witness/judge.ts';
import { memoryLog } from './memory-log.ts';

const ORIGIN = 'host.example/ledger';
const log = memoryLog(ORIGIN);
log.grow(300);
const keys = [log.signer.verifier];
const seenAt = (size: number): Head => (size === 0 ? nothingSeen() : log.at(size));

async function request(old: number, size: number, change: Partial<{ note: string; proof: Buffer[] }> = {}) {
  const proof = change.proof ?? (old <= size ? await log.consistency(old, size) : []);
  return parseAddCheckpoint(Buffer.from(addCheckpointBody(old, proof, change.note ?? log.at(size).note)));
}

describe('a witness', () => {
  it('cosigns whatever grows, of any two sizes', async () => {
    const size = fc.integer({ min: 0, max: 300 });
    await fc.assert(
      fc.asyncProperty(size, size, async (one, other) => {
        const [old, now] = [Math.min(one, other), Math.max(one, other)];
        expect(judge(await request(old, now), keys, seenAt(old))).toEqual({ status: 200 });
      }),
    );
  });

  it('cosigns nothing whose proof has another hash, one too few or one too many', async () => {
    const size = fc.integer({ min: 0, max: 300 });
    await fc.assert(
      fc.asyncProperty(size, size, fc.nat(), async (one, other, any) => {
        const [old, now] = [Math.min(one, other), Math.max(one, other)];
        const proof = await log.consistency(old, now);
        const at = any % (proof.length + 1);
        const more = [...proof.slice(0, at), Buffer.alloc(32, 9), ...proof.slice(at)];
        expect(judge(await request(old, now, { proof: more }), keys, seenAt(old)).status).toBe(422);
        if (proof.length === 0) return;
        const gone = any % proof.length;
        const fewer = proof.filter((_, i) => i !== gone);
        expect(judge(await request(old, now, { proof: fewer }), keys, seenAt(old)).status).toBe(422);
        const changed = proof.map((hash, i) => (i === gone ? Buffer.alloc(32, 9) : hash));
        expect(judge(await request(old, now, { proof: changed }), keys, seenAt(old)).status).toBe(422);
      }),
    );
  });

  it('tells what it has seen to who believes something else, whatever else is wrong', async () => {
    expect(judge(await request(10, 20), keys, seenAt(15))).toMatchObject({ status: 409, size: 15 });
    expect(judge(await request(0, 20), keys, seenAt(300))).toMatchObject({ status: 409, size: 300 });
    expect(judge(await request(10, 20), keys, nothingSeen())).toMatchObject({ status: 409, size: 0 });
    expect(judge(await request(10, 20, { proof: [] }), keys, seenAt(15))).toMatchObject({ status: 409 });
  });

  it('takes the same checkpoint again, and no other of its size', async () => {
    expect(judge(await request(20, 20), keys, seenAt(20))).toEqual({ status: 200 });
    const forked = { size: 20, root: Buffer.alloc(32, 1) };
    expect(judge(await request(20, 20), keys, forked)).toMatchObject({
      status: 409,
      size: 20,
      isForked: true,
    });
  });

  it('refuses an old size above the new one, before it says what it has seen', async () => {
    expect(judge(await request(21, 20), keys, seenAt(7)).status).toBe(400);
  });

  it('refuses what no known key has signed, before all else', async () => {
    const other = newSigner(ORIGIN);
    const note = signNote(checkpointText({ origin: ORIGIN, size: 20, root: log.at(20).root }), [other]);
    expect(judge(await request(21, 20, { note }), keys, seenAt(7)).status).toBe(403);
    const both = signNote(checkpointText({ origin: ORIGIN, size: 20, root: log.at(20).root }), [
      other,
      log.signer,
    ]);
    expect(judge(await request(7, 20, { note: both }), keys, seenAt(7))).toEqual({ status: 200 });
  });

  it('knows an empty tree by its root', async () => {
    expect(judge(await request(0, 0), keys, nothingSeen())).toEqual({ status: 200 });
    const note = signNote(checkpointText({ origin: ORIGIN, size: 0, root: Buffer.alloc(32, 1) }), [
      log.signer,
    ]);
    expect(judge(await request(0, 0, { note }), keys, nothingSeen()).status).toBe(409);
  });
});

describe('the body of a request', () => {
  const { note } = log.at(20);
  const hash = Buffer.alloc(32, 5).toString('base64');

  it('is read as it was written', async () => {
    const read = await request(7, 20);
    expect(read).toMatchObject({ old: 7, checkpoint: { origin: ORIGIN, size: 20 } });
    expect(read.proof).toEqual(await log.consistency(7, 20));
  });

  it.each([
    ['without a line of the old size', `\n${note}`],
    ['with an old size that is padded', `old 07\n\n${note}`],
    ['with a negative one', `old -1\n\n${note}`],
    ['with one beyond what can be counted', `old 9007199254740993\n\n${note}`],
    ['with a hexadecimal one', `old 0x10\n\n${note}`],
    ['with two blanks', `old  7\n\n${note}`],
    ['with a carriage return', `old 7\r\n\r\n${note}`],
    ['with a proof that is too long', `old 7\n${`${hash}\n`.repeat(64)}\n${note}`],
    ['with a short hash', `old 7\nAAAA\n\n${note}`],
    ['with a hash that is not in base64', `old 7\n${hash.replace('B', '!')}\n\n${note}`],
    ['without the empty line', `old 7\n${note.replace('\n\n', '\n')}`],
    ['without a note', 'old 7\n\n'],
    ['with a note that is no checkpoint', `old 7\n\n${signNote('only\n', [log.signer])}`],
    ['with something after the note', `old 7\n\n${note}more`],
    ['that is too long', `old 7\n\n${note}${' '.repeat(80_000)}`],
  ])('is none %s', (_, body) => {
    expect(() => parseAddCheckpoint(Buffer.from(body))).toThrow();
  });

  it('of any bytes is read or refused', () => {
    const parts = fc.constantFrom(
      'old ',
      '7',
      '\n',
      '\n\n',
      hash,
      note,
      ORIGIN,
      '— ',
      'x',
      '\u0000',
      '\ufffd',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(parts, fc.string())), (pieces) => {
        try {
          parseAddCheckpoint(Buffer.from(pieces.join('')));
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-argument' });
        }
      }),
    );
  });
});

it('a size is read only in the one way it is written', () => {
  expect(['0', '17\n', '9007199254740991'].map(parseSize)).toEqual([0, 17, 9007199254740991]);
  expect(['', '-1', '01', '1 ', '1\n\n', '1e3', '9007199254740993', 'a'].map(parseSize)).toEqual(
    Array(8).fill(undefined),
  );
});
