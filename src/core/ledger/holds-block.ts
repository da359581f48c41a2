// Tells whether a ledger holds a block that is remembered, by its height and hash.

import type { Head } from './head.ts';
import { readLine } from './line.ts';
import { eachLine, lineChunks } from './line-chunks.ts';
import { locateHeight } from './locate.ts';
import { segmentsFrom } from './segments.ts';

/** Found by bisection, so the size of the ledger does not matter; its chain is not verified. */
export async function holdsBlock(path: string, { height, hash }: Head): Promise<boolean> {
  for await (const { source } of segmentsFrom(path, height)) {
    const from = await locateHeight(source, height);
    let found: string | undefined;
    for await (const { bytes, complete } of lineChunks(source, { from, onTooLong: () => undefined })) {
      if (!complete) break;
      const isBefore = eachLine(bytes, (start, end) => {
        const block = readLine(bytes.subarray(start, end));
        if (block === undefined || block.height < height) return true;
        found = block.height === height ? block.hash : '';
        return false;
      });
      if (!isBefore) break;
    }
    if (found !== undefined) return found === hash;
  }
  return false;
}
