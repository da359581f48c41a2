// A ledger written as tiles: what any tlog client computes from the files is what was signed.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportTiles } from '../../../../src/core/ledger/checkpoint/export-tiles.ts';
import { parseCheckpoint } from '../../../../src/core/ledger/note/checkpoint.ts';
import { parseNote } from '../../../../src/core/ledger/note/signed-note.ts';
import { leafHash, nodeHash } from '../../../../src/core/ledger/tree/hash.ts';
import { tilePath } from '../../../../src/core/ledger/tree/tiles.ts';
import { entry, open, type Scratch, scratch, splitLines } from './scratch.ts';
import { signing } from './signing.ts';

async function grow(place: Scratch, count: number, end = true) {
  const ledger = await open(place.path);
  const checkpoints = await signing(ledger, place.path);
  await Promise.all(Array.from({ length: count }, (_, n) => ledger.append(entry(n))));
  if (end) await checkpoints.close();
  await ledger.close();
}

const read = (dir: string, name: string) => readFileSync(join(dir, name));

/** What a client does that has nothing but the files: the leaves from the bundles, the root from the level 0 tiles. */
function rootFromTiles(dir: string): { size: number; root: Buffer; entries: Buffer[]; signedRoot: Buffer } {
  const { size, root: signedRoot } = parseCheckpoint(parseNote(read(dir, 'checkpoint')).text);
  const leaves: Buffer[] = [];
  const entries: Buffer[] = [];
  for (let index = 0; index * 256 < size; index += 1) {
    const width = Math.min(256, size - index * 256);
    const name = `${String(index).padStart(3, '0')}${width === 256 ? '' : `.p/${width}`}`;
    const tile = read(dir, `tile/0/${name}`);
    for (let at = 0; at < width; at += 1) leaves.push(tile.subarray(at * 32, at * 32 + 32));
    const bundle = read(dir, `tile/entries/${name}`);
    for (let at = 0; at < bundle.length; ) {
      const length = bundle.readUInt16BE(at);
      entries.push(bundle.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  const mth = (some: Buffer[]): Buffer => {
    if (some.length < 2) return some[0] ?? Buffer.alloc(0);
    const half = 2 ** Math.ceil(Math.log2(some.length) - 1);
    return nodeHash(mth(some.slice(0, half)), mth(some.slice(half)));
  };
  expect(entries.map((one) => leafHash(one).toString('hex'))).toEqual(
    leaves.map((one) => one.toString('hex')),
  );
  // Level 1 has the roots of the full tiles below.
  const full = Math.floor(size / 256);
  if (full > 0) {
    const above = read(dir, `tile/1/000${full % 256 === 0 ? '' : `.p/${full}`}`);
    for (let at = 0; at < full; at += 1)
      expect(above.subarray(at * 32, at * 32 + 32)).toEqual(mth(leaves.slice(at * 256, at * 256 + 256)));
  }
  return { size, root: mth(leaves), entries, signedRoot };
}

describe('a ledger as tiles', () => {
  it('has the blocks, and leads to the root that was signed; and is kept in step', async () => {
    using place = scratch();
    const dir = join(place.dir, 'served');
    mkdirSync(dir);
    for (const [more, size] of [
      [10, 11],
      [244, 255],
      [1, 256],
      [1, 257],
      [700, 957],
      [0, 957],
    ] as const) {
      await grow(place, more);
      const { size: out, files } = await exportTiles(place.path, dir);
      expect(out).toBe(size);
      const found = rootFromTiles(dir);
      expect(found.root).toEqual(found.signedRoot);
      const lines = splitLines(readFileSync(place.path)).map((line) => line.subarray(9, -76).toString());
      expect(found.entries.map(String)).toEqual(lines);
      if (more === 1) expect(files).toBeLessThan(6);
    }
    // Full tiles have taken the place of partial ones.
    expect(readdirSync(join(dir, 'tile/0')).sort()).toEqual(['000', '001', '002', '003.p']);
  });

  it('is not mixed with another log, nor with one that was rolled back', async () => {
    using place = scratch();
    using other = scratch();
    const dir = join(place.dir, 'served');
    await grow(other, 5);
    await grow(place, 3);
    await expect(exportTiles(place.path, join(place.dir, 'none'))).resolves.toMatchObject({
      size: 4,
      before: 0,
    });
    await exportTiles(other.path, dir);
    const before = read(dir, 'checkpoint');
    await expect(exportTiles(place.path, dir)).rejects.toMatchObject({ code: 'bad-argument' });
    expect(read(dir, 'checkpoint')).toEqual(before);
    writeFileSync(join(dir, 'checkpoint'), 'no checkpoint');
    await expect(exportTiles(other.path, dir)).rejects.toMatchObject({ code: 'bad-argument' });
  });

  it('ends with an error where no directory can be made, and where what is there cannot be read', async () => {
    using place = scratch();
    await grow(place, 3);
    const file = join(place.dir, 'file');
    writeFileSync(file, '');
    for (const dir of ['/proc/x', '/proc/x/y', '/dev/null', join(file, 'x')])
      await expect(exportTiles(place.path, dir), dir).rejects.toMatchObject({ code: 'output-failed' });
    for (const kind of ['a pipe', 'a directory', 'too big'] as const) {
      const dir = join(place.dir, kind);
      mkdirSync(dir);
      const checkpoint = join(dir, 'checkpoint');
      if (kind === 'a pipe') expect(spawnSync('mkfifo', [checkpoint]).status).toBe(0);
      else if (kind === 'a directory') mkdirSync(checkpoint);
      else writeFileSync(checkpoint, Buffer.alloc(70_000, 'x'));
      const code = kind === 'a pipe' ? 'bad-argument' : 'output-failed';
      await expect(exportTiles(place.path, dir), kind).rejects.toMatchObject({ code });
      expect(existsSync(join(dir, 'tile'))).toBe(false);
    }
  });

  it('without a checkpoint is none', async () => {
    using place = scratch();
    const ledger = await open(place.path);
    await ledger.close();
    const dir = join(place.dir, 'served');
    await expect(exportTiles(place.path, dir)).rejects.toMatchObject({ code: 'ledger-checkpoint-missing' });
    expect(existsSync(dir)).toBe(false);
  });

  it('has the names of the specification', () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 2, index: 0, width: 1 })).toBe('tile/2/000.p/1');
    expect(tilePath({ level: 0, index: 273, width: 112 })).toBe('tile/0/273.p/112');
  });
});
