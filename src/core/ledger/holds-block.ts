// Tells whether a ledger file holds a block that is remembered, by its height and hash.
import type { FileHandle } from 'node:fs/promises';
import { readLine } from './line.ts';
import { eachLine, lineChunks } from './line-chunks.ts';
import { locateHeight } from './locate.ts';
import type { Head } from './verify.ts';

/** Found by bisection, so the size of the file does not matter; its chain is not verified. */
export async function holdsBlock(file: FileHandle, { height, hash }: Head): Promise<boolean> {
  const from = await locateHeight(file, height);
  let found: string | undefined;
  for await (const { bytes, complete } of lineChunks(file, { from, onTooLong: () => undefined })) {
    if (!complete) break;
    const isBefore = eachLine(bytes, (start, end) => {
      const block = readLine(bytes.subarray(start, end));
      if (block === undefined || block.height < height) return true;
      found = block.height === height ? block.hash : undefined;
      return false;
    });
    if (!isBefore) break;
  }
  return found === hash;
}
