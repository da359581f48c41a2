// Writes a ledger as plain files that any web server can serve to any tlog client (C2SP tlog-tiles), and goes on where it ended.

import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../../lib/atomic-file.ts';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { parseCheckpoint } from '../note/checkpoint.ts';
import { parseNote } from '../note/signed-note.ts';
import { ledgerPaths } from '../paths.ts';
import { consistencyProof } from '../tree/proofs.ts';
import { bundle, entriesPath, TILE_WIDTH, tileBytes, tilePath, tilesOf } from '../tree/tiles.ts';
import { readTree, type TreeReader } from '../tree/tree-file.ts';
import { isConsistent } from '../tree/verify-proof.ts';
import { blockBodies } from './catch-up.ts';
import { type KeptCheckpoint, NEWEST_BYTES, readCheckpoints } from './checkpoint-file.ts';
import { evidencePaths } from './places.ts';

export interface Exported {
  readonly origin: string;
  /** Blocks that are out now, and before. */
  readonly size: number;
  readonly before: number;
  /** Files that were written. */
  readonly files: number;
}

/** Anybody may read what is served; nothing else is in that directory. */
const MODE = 0o644;

/**
 * Brings `dir` up to the newest checkpoint. The checkpoint is written last, so that a client never sees one whose tiles are not there.
 * Throws `ledger-checkpoint-missing`, `ledger-tree-unreadable`, and `bad-argument` where `dir` holds another log.
 */
export async function exportTiles(path: string, dir: string): Promise<Exported> {
  const places = evidencePaths(ledgerPaths(path).side);
  const newest = (await readCheckpoints(places.checkpoints, NEWEST_BYTES)).all.at(-1);
  if (newest === undefined)
    throw new AgentError('ledger-checkpoint-missing', `The ledger ${path} has no checkpoint.`);
  const tree = readTree(places.tree);
  if (tree === undefined) throw new AgentError('ledger-tree-unreadable', `${places.tree} is not there.`);
  try {
    const before = await exported(dir, newest, tree);
    const files = await writeTiles({ path, dir, tree, size: newest.checkpoint.size, before });
    await writeFileAtomically(join(dir, 'checkpoint'), newest.text, MODE);
    const { origin, size } = newest.checkpoint;
    return { origin, size, before, files };
  } finally {
    tree.close();
  }
}

/** Blocks that are out already. What is there must be the beginning of what is to come. */
async function exported(dir: string, { checkpoint: now }: KeptCheckpoint, tree: TreeReader): Promise<number> {
  const text = await readFile(join(dir, 'checkpoint'), 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (text === undefined) return 0;
  const old = parseCheckpoint(parseNote(text).text);
  const fits = old.origin === now.origin && old.size <= now.size;
  if (fits && isConsistent(old, now, consistencyProof(old.size, now.size, tree.read))) return old.size;
  throw new AgentError(
    'bad-argument',
    `${dir} holds another log, or another state of this one (${old.origin}, ${old.size} blocks).`,
  );
}

interface Work {
  path: string;
  dir: string;
  tree: TreeReader;
  size: number;
  before: number;
}

async function writeTiles({ path, dir, tree, size, before }: Work): Promise<number> {
  let files = 0;
  const write = async (name: string, bytes: Buffer) => {
    const target = join(dir, name);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await writeFileAtomically(target, bytes, MODE);
    files += 1;
  };
  for (const tile of tilesOf(size, before)) {
    await write(tilePath(tile), tileBytes(tile, tree.read));
    // A full tile takes the place of its partial ones.
    if (tile.width === TILE_WIDTH)
      await rm(join(dir, `${tilePath(tile)}.p`), { recursive: true, force: true });
  }
  const firstBundle = Math.floor(before / TILE_WIDTH);
  let index = firstBundle;
  let blocks: Buffer[] = [];
  const flush = async () => {
    const place = { index, width: blocks.length };
    await write(entriesPath(place), bundle(blocks));
    if (blocks.length === TILE_WIDTH)
      await rm(join(dir, `${entriesPath(place)}.p`), { recursive: true, force: true });
    index += 1;
    blocks = [];
  };
  for await (const bodies of blockBodies(path, firstBundle * TILE_WIDTH + 1, size)) {
    for (const { height, body } of bodies) {
      // Bodies that were dropped leave their bundles out, as a pruned log does.
      if (blocks.length === 0 && (height - 1) % TILE_WIDTH === 0) index = (height - 1) / TILE_WIDTH;
      if (height === index * TILE_WIDTH + blocks.length + 1) blocks.push(Buffer.from(body));
      if (blocks.length === TILE_WIDTH) await flush();
    }
  }
  if (blocks.length > 0) await flush();
  return files;
}
