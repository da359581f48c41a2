// A block's proof convinces whoever has the log's key, of that block alone.

import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkProof } from '../../../../src/core/ledger/checkpoint/check-proof.ts';
import { readCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import { openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import { epochText, readEpochNote } from '../../../../src/core/ledger/checkpoint/epoch-note.ts';
import { proveBlock, proveConsistency } from '../../../../src/core/ledger/checkpoint/prove.ts';
import { readBlocks } from '../../../../src/core/ledger/index.ts';
import { newSigner, readVerifier, type Verifier } from '../../../../src/core/ledger/note/keys.ts';
import { parseProof, proofText } from '../../../../src/core/ledger/note/tlog-proof.ts';
import { isConsistent } from '../../../../src/core/ledger/tree/verify-proof.ts';
import { entry, open, type Scratch, scratch } from './scratch.ts';

let place: Scratch;
let key: Verifier;

async function run(path: string, counts: readonly number[]): Promise<Verifier> {
  const ledger = await open(path);
  const checkpoints = openCheckpoints({
    ...{ ledger, path, hostname: 'pve1', machineId: 'a'.repeat(32), origin: 'ledger.example' },
    ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: Date.now, mono: () => 1 },
    onError: (error: unknown) => expect(error).toBeUndefined(),
    onEpoch: () => undefined,
  });
  await checkpoints.started;
  for (const count of counts) {
    for (let n = 0; n < count; n++) await ledger.append(entry(n));
    await checkpoints.sign();
  }
  const text = checkpoints.status().key ?? '';
  await checkpoints.close();
  await ledger.append(entry(99));
  await ledger.close();
  return readVerifier(text);
}

beforeAll(async () => {
  place = scratch();
  key = await run(place.path, [4, 9, 20]);
});
afterAll(() => place[Symbol.dispose]());

const side = (of: Scratch, name: string) => join(of.dir, 'ledger.d', name);

it('no checkpoint is proven to continue a later one', async () => {
  await expect(proveConsistency(place.path, 34, 5)).rejects.toMatchObject({ code: 'bad-argument' });
});

describe('the proof of a block', () => {
  it('convinces of every block under the newest checkpoint, and shows it', async () => {
    for await (const block of readBlocks(place.path, { to: 34 })) {
      const found = checkProof(await proveBlock(place.path, block.height), key);
      expect(found).toMatchObject({
        verdict: 'proven',
        origin: 'ledger.example',
        size: 34,
        height: block.height,
      });
      expect(JSON.parse(String(found.block))).toMatchObject({ height: block.height, action: block.action });
    }
  });

  it('does not convince of another block, place, or log', async () => {
    const proof = parseProof(await proveBlock(place.path, 7));
    const other = parseProof(await proveBlock(place.path, 8));
    const verdict = (changed: Partial<typeof proof>, with_ = key, block?: Buffer) =>
      checkProof(proofText({ ...proof, ...changed }), with_, block).verdict;
    expect(verdict({})).toBe('proven');
    expect(verdict({ extra: other.extra })).toBe('not-included');
    expect(verdict({ index: 7 })).toBe('not-included');
    expect(verdict({ path: proof.path.slice(1) })).toBe('not-included');
    expect(verdict({}, newSigner('ledger.example').verifier)).toBe('bad-signature');
    expect(verdict({ extra: undefined })).toBe('no-block');
    expect(verdict({ extra: undefined }, key, proof.extra)).toBe('proven');
  });

  it.each([
    ['without an empty line', 'c2sp.org/tlog-proof@v1\nindex 0\n'],
    ['of another version', 'c2sp.org/tlog-proof@v2\nindex 0\n\nnote'],
    ['without an index', 'c2sp.org/tlog-proof@v1\n\nnote'],
    ['with an index that is not written as it must be', 'c2sp.org/tlog-proof@v1\nindex 01\n\nnote'],
    ['with a hash that is too short', 'c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote'],
    ['with a line that is no base64', 'c2sp.org/tlog-proof@v1\nindex 0\n!!\n\nnote'],
    ['with too many hashes', `c2sp.org/tlog-proof@v1\nindex 0\n${'AAAA\n'.repeat(64)}\nnote`],
  ])('is none %s', (_, text) => {
    expect(() => parseProof(text)).toThrow('no proof');
  });

  it('is not to be had of a block that is not there, or that no checkpoint covers', async () => {
    await expect(proveBlock(place.path, 36)).rejects.toMatchObject({ code: 'bad-argument' });
    await expect(proveBlock(place.path, 35)).rejects.toMatchObject({ code: 'ledger-checkpoint-missing' });
  });

  it('is not to be had without the tree, from one that is cut, or from another one', async () => {
    using other = scratch();
    await run(other.path, [3]);
    expect(parseProof(await proveBlock(other.path, 2)).index).toBe(1);
    writeFileSync(side(other, 'tree'), Buffer.alloc(32 * 7));
    await expect(proveBlock(other.path, 2)).rejects.toMatchObject({ code: 'ledger-tree-unreadable' });
    truncateSync(side(other, 'tree'), 32);
    await expect(proveBlock(other.path, 2)).rejects.toMatchObject({ code: 'ledger-tree-unreadable' });
    rmSync(side(other, 'tree'));
    await expect(proveBlock(other.path, 2)).rejects.toMatchObject({ code: 'ledger-tree-unreadable' });
    writeFileSync(side(other, 'tree'), '');
    rmSync(side(other, 'checkpoints.jsonl'));
    await expect(proveBlock(other.path, 2)).rejects.toMatchObject({ code: 'ledger-checkpoint-missing' });
  });
});

describe('the proof that one checkpoint continues another', () => {
  it('convinces, for every two that there are', async () => {
    const { all } = await readCheckpoints(side(place, 'checkpoints.jsonl'));
    expect(all.map(({ checkpoint }) => checkpoint.size)).toEqual([1, 5, 14, 34]);
    for (const old of all) {
      for (const now of all.filter(({ checkpoint }) => checkpoint.size >= old.checkpoint.size)) {
        const { proof } = await proveConsistency(place.path, old.checkpoint.size, now.checkpoint.size);
        expect(isConsistent(old.checkpoint, now.checkpoint, proof)).toBe(true);
      }
    }
  });

  it('is not to be had of sizes that no checkpoint has', async () => {
    const missing = { code: 'ledger-checkpoint-missing' };
    await expect(proveConsistency(place.path, 5, 15)).rejects.toMatchObject(missing);
    using other = scratch();
    const ledger = await open(other.path);
    await ledger.close();
    await expect(proveConsistency(other.path, 1, 2)).rejects.toMatchObject(missing);
  });

  it('is not to be had of a later one and one before it', async () => {
    await expect(proveConsistency(place.path, 14, 5)).rejects.toMatchObject({ code: 'bad-argument' });
  });

  it('is not to be had from a tree of other blocks', async () => {
    using other = scratch();
    await run(other.path, [3, 4]);
    writeFileSync(side(other, 'tree'), Buffer.alloc(32 * 20));
    await expect(proveConsistency(other.path, 4, 8)).rejects.toMatchObject({
      code: 'ledger-tree-unreadable',
    });
  });
});

describe('the note of an epoch', () => {
  it('says in one line why it began', async () => {
    const note = await readEpochNote(side(place, 'epoch.json'));
    expect(note).toMatchObject({ why: 'first', height: 1, parent: null });
    if (note === undefined) return;
    const parent = { origin: 'old', size: 9, root: '' };
    expect(epochText('/l', { ...note, why: 'rolled-back', parent })).toMatch(
      /^the ledger \/l goes on as ledger\.example from block 1 on, since it does not hold .*; before, 9 blocks were signed as old$/,
    );
    expect(epochText('/l', { ...note, why: 'witness-ahead', witness: { name: 'w', size: 12 } })).toContain(
      '(w has seen 12)',
    );
  });

  it('is none where it cannot be understood', async () => {
    using other = scratch('{"why":');
    expect(await readEpochNote(other.path)).toBeUndefined();
  });
});
