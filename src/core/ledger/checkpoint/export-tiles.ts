// Writes a ledger as plain files that any web server can serve to any tlog client (C2SP tlog-tiles), and goes on where it ended.

import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../../lib/atomic-file.ts';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { readLimited } from '../../lib/read-limited.ts';
import { parseCheckpoint } from '../note/checkpoint.ts';
import { MAX_NOTE_BYTES, parseNote } from '../note/signed-note.ts';
import { ledgerPaths, makeDir } from '../paths.ts';
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
 * Throws `ledger-checkpoint-missing`, `ledger-tree-unreadable`, `bad-argument` where `dir` holds another log, and `output-failed` where
 * it cannot be written.
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
    await written(dir, () => writeFileAtomically(join(dir, 'checkpoint'), newest.text, MODE));
    const { origin, size } = newest.checkpoint;
    return { origin, size, before, files };
  } finally {
    tree.close();
  }
}

/** Blocks that are out already. What is there must be the beginning of what is to come. */
async function exported(dir: string, { checkpoint: now }: KeptCheckpoint, tree: TreeReader): Promise<number> {
  const place = join(dir, 'checkpoint');
  const note = await readLimited(place, MAX_NOTE_BYTES).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new AgentError('output-failed', `${place} cannot be read`, { cause });
  });
  if (note === undefined) return 0;
  const old = parseCheckpoint(parseNote(note).text);
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
  const write = async (name: string, bytes: Buffer, isFull: boolean) => {
    const target = join(dir, name);
    await written(dir, async () => {
      await makeDir(dirname(target), 0o755);
      await writeFileAtomically(target, bytes, MODE);
      // A full tile takes the place of its partial ones.
      if (isFull) await rm(`${target}.p`, { recursive: true, force: true });
    });
    files += 1;
  };
  for (const tile of tilesOf(size, before))
    await write(tilePath(tile), tileBytes(tile, tree.read), tile.width === TILE_WIDTH);
  const firstBundle = Math.floor(before / TILE_WIDTH);
  let index = firstBundle;
  let blocks: Buffer[] = [];
  const flush = async () => {
    const width = blocks.length;
    await write(entriesPath({ index, width }), bundle(blocks), width === TILE_WIDTH);
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

async function written(dir: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw new AgentError('output-failed', `${dir} cannot be written`, { cause });
  }
}
