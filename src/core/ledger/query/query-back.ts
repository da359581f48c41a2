// Looks for the last blocks that fit: from the end back, by the index as far as there is one, so that a long ledger keeps nobody waiting.
import type { HashedBlock } from '../block.ts';
import { blocking, pooled } from '../file-calls.ts';
import { plainLines } from '../plain-line.ts';
import { type Segment, segmentsBack } from '../segments.ts';
import { type Asking, indexOf } from './query.ts';
import { readRuns } from './read-runs.ts';
import { scanBlocks } from './scan.ts';
import type { Want } from './wants.ts';

/** At most `most` blocks, the newest first, until `isEnough` says so: it is asked between two pieces of the ledger. */
export async function queryBack(
  path: string,
  want: Want,
  most: number,
  asking: Asking & { isEnough?: () => boolean } = {},
): Promise<HashedBlock[]> {
  const found: HashedBlock[] = [];
  for await (const segment of segmentsBack(path, asking.mayBlock ? blocking : pooled)) {
    for await (const piece of piecesBack(path, segment, { want, most, asking })) {
      found.push(...piece.reverse().slice(0, most - found.length));
      if (found.length >= most || asking.isEnough?.()) return found;
    }
  }
  return found;
}

type Asked = { want: Want; most: number; asking: Asking };

/** What fits of each piece of the file, the last piece first: the lines behind the index, then each of its runs. */
async function* piecesBack(
  path: string,
  segment: Segment,
  { want, most, asking }: Asked,
): AsyncGenerator<HashedBlock[]> {
  const index = await indexOf(path, segment, asking);
  const { source, sealed } = segment;
  const parts = {
    ...{ source, wants: [want], isPlain: plainLines(), onBytes: asking.onBytes },
    onUnreadable: (line: { offset: number; bytes: number }) =>
      asking.onUnreadable?.({ ...line, ...(sealed && { file: sealed.file }) }),
  };
  const last = async (blocks: AsyncIterable<HashedBlock>) => {
    const fitting: HashedBlock[] = [];
    for await (const block of blocks) {
      if (want.fits(block) && fitting.push(block) > 2 * most) fitting.splice(0, most);
    }
    return fitting.slice(-most);
  };
  try {
    const runs = index?.runs ?? [];
    yield await last(scanBlocks({ ...parts, from: runs.at(-1)?.end ?? 0 }));
    for (const run of [...runs].reverse())
      if (index)
        yield await last(
          readRuns({ ...parts, index: { ...index, runs: [run] }, onDamaged: asking.onDamaged }),
        );
  } finally {
    await index?.close();
  }
}
