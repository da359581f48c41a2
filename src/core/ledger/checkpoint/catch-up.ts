// Brings a tree up to the ledger: first the blocks in the file, then those that came meanwhile.

import { FOOT_BYTES, HEAD_BYTES } from '../line.ts';
import { findHeight, findPrevHash } from '../line-bytes.ts';
import { eachLine, lineChunks } from '../line-chunks.ts';
import { locateHeight } from '../locate.ts';
import { segmentsFrom } from '../segments.ts';
import { leafHash } from '../tree/hash.ts';
import type { TreeFile } from '../tree/tree-file.ts';

/** How many nodes wait in memory before they are written. */
const WAITING_MAX = 32_768;

/** Adds the blocks up to height `to` that the tree has not; fewer where the file has a line that is none. Throws what the disk throws. */
export async function catchUp(tree: TreeFile, path: string, to: number): Promise<void> {
  for await (const bodies of blockBodies(path, tree.size() + 1, to)) {
    for (const { height, body } of bodies) if (height === tree.size() + 1) tree.add(body);
    if (tree.waiting() > WAITING_MAX) await tree.flush();
  }
}

/** The leaf of one block; undefined when the file has it not. */
export async function leafAt(path: string, height: number): Promise<Buffer | undefined> {
  const body = await bodyAt(path, height);
  return body && leafHash(body);
}

/** The bytes of one block as they stand in its line; undefined when the file has it not. */
export async function bodyAt(path: string, height: number): Promise<Buffer | undefined> {
  for await (const bodies of blockBodies(path, height, height)) {
    const found = bodies.find((one) => one.height === height);
    if (found) return Buffer.from(found.body);
  }
  return undefined;
}

/** Blocks as they stand in their lines, a piece of a file at a time; valid until the next is asked for. */
export async function* blockBodies(
  path: string,
  from: number,
  to: number,
): AsyncGenerator<{ height: number; body: Buffer }[]> {
  if (from > to) return;
  for await (const { source } of segmentsFrom(path, from)) {
    for await (const { bytes, complete } of lineChunks(source, { from: await locateHeight(source, from) })) {
      if (!complete) break;
      const bodies: { height: number; body: Buffer }[] = [];
      const isNotLast = eachLine(bytes, (start, end) => {
        const height = findHeight(bytes, start, findPrevHash(bytes, start, end));
        if (height >= from && height <= to)
          bodies.push({ height, body: bytes.subarray(start + HEAD_BYTES, end - FOOT_BYTES) });
        return !(height >= to);
      });
      yield bodies;
      if (!isNotLast) return;
    }
  }
}
