// The file of checkpoints is read one after the other, and says the same as when it is read at once.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import {
  type KeptCheckpoint,
  readCheckpoints,
} from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import { withCheckpoints } from '../../../../src/core/ledger/checkpoint/stored-checkpoints.ts';
import { checkpointText } from '../../../../src/core/ledger/note/checkpoint.ts';
import { newSigner } from '../../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../../src/core/ledger/note/signed-note.ts';

const dir = mkdtempSync(join(tmpdir(), 'opa-stored-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, 'checkpoints.jsonl');

const signers = ['ledger.example', 'w1.example', 'w2.example', 'w3.example'].map(newSigner);
const root = Buffer.alloc(32, 7);
const checkpoint = fc
  .record({
    size: fc.integer({ min: 1, max: 6 }),
    by: fc.subarray(signers, { minLength: 1 }),
    at: fc.nat(99),
  })
  .map(({ size, by, at }) =>
    JSON.stringify({
      at: `at ${at}`,
      note: signNote(checkpointText({ origin: 'ledger.example', size, root }), by),
    }),
  );
const other = fc.constantFrom('', '{}', 'no JSON', '{"at":"x","note":"none"}', 'x'.repeat(1000), '\ufffd');

async function listed() {
  const all: KeptCheckpoint[] = [];
  return withCheckpoints(path, async ({ each, sizes, bad, lines }) => {
    for await (const kept of each()) all.push(kept);
    return { all, sizes, bad, lines };
  });
}

it('one after the other they are the same as at once, whatever the lines are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 5, arbitrary: checkpoint }, other)),
      fc.boolean(),
      async (lines, isTorn) => {
        writeFileSync(
          path,
          lines
            .map((line) => `${line}\n`)
            .join('')
            .slice(0, isTorn ? -1 : undefined),
        );
        const { all, bad } = await readCheckpoints(path);
        const found = await listed();
        expect(found.all).toEqual(all);
        expect(found.sizes).toEqual(all.map((kept) => kept.checkpoint.size));
        expect(found.bad).toBe(bad.length);
        expect(found.lines.filter((index) => index < 0)).toHaveLength(bad.length);
      },
    ),
  );
});

const note = (size: number) =>
  signNote(checkpointText({ origin: 'ledger.example', size, root }), signers.slice(0, 1));
const many = (count: number) =>
  Array.from({ length: count }, (_, size) => `${JSON.stringify({ at: 'x', note: note(size) })}\n`).join('');

it('half a megabyte of them, which are read in pieces, are all there, and whoever reads may rest meanwhile', async () => {
  writeFileSync(path, many(2000));
  let rests = 0;
  const sizes = await withCheckpoints(
    path,
    async ({ each }) => {
      const found: number[] = [];
      for await (const kept of each()) found.push(kept.checkpoint.size);
      return found;
    },
    async () => void rests++,
  );
  expect(sizes).toEqual(Array.from({ length: 2000 }, (_, size) => size));
  expect(rests).toBe(7);
});

it('a file that is cut while it is read is told', async () => {
  writeFileSync(path, many(2000));
  const cut = withCheckpoints(path, async ({ each }) => {
    for await (const {
      checkpoint: { size },
    } of each())
      if (size === 3) truncateSync(path, 100_000);
  });
  await expect(cut).rejects.toMatchObject({ code: 'ledger-evidence-unreadable' });
});
