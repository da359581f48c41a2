// Brings the index of a whole ledger up to what the ledger holds, and takes away what belongs to none of its files.
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { segmentsFrom } from '../segments.ts';
import { type Building, buildIndex } from './build.ts';
import { activeIndex, indexDir, sealedIndex } from './names.ts';
import type { IndexPaths } from './table.ts';

export type Updating = Omit<Building, 'isSealed'>;

/** Blocks that stand in the index afterwards, and in how many files of the ledger. */
export type Indexed = { blocks: number; segments: number };

/** Only what is new is read. What did not fit the ledger is made anew. Throws what the file system throws. */
export async function updateIndex(path: string, updating: Updating = {}): Promise<Indexed> {
  const indexed: Indexed = { blocks: 0, segments: 0 };
  const kept = new Set<string>();
  for await (const { source, sealed } of segmentsFrom(path)) {
    const paths = sealed ? sealedIndex(path, sealed.first) : activeIndex(path);
    for (const file of filesOf(paths)) kept.add(file);
    const { runs } = await buildIndex(indexDir(path), paths, source, {
      ...updating,
      isSealed: sealed !== undefined,
    });
    indexed.segments += 1;
    indexed.blocks += runs.reduce((sum, { count }) => sum + count, 0);
  }
  await removeAllBut(indexDir(path), kept);
  return indexed;
}

const filesOf = ({ table, data }: IndexPaths) => [basename(table), basename(data)];

async function removeAllBut(dir: string, kept: ReadonlySet<string>): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  for (const name of names) if (!kept.has(name)) await rm(join(dir, name), { recursive: true, force: true });
}

/** Makes it anew from the first block on. */
export async function rebuildIndex(path: string, updating: Updating = {}): Promise<Indexed> {
  await rm(indexDir(path), { recursive: true, force: true });
  return updateIndex(path, updating);
}
