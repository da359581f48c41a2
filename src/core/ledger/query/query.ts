// Answers what is asked of a ledger: through the index as far as there is one that holds, and line by line behind it. The answer
// is the same with and without.
import type { HashedBlock } from '../block.ts';
import { blocking, pooled } from '../file-calls.ts';
import { activeIndex, sealedIndex } from '../index-files/names.ts';
import { type OpenIndex, openIndex } from '../index-files/table.ts';
import type { Unreadable } from '../line-chunks.ts';
import { locateHeight } from '../locate.ts';
import { plainLines } from '../plain-line.ts';
import type { Reading } from '../read.ts';
import { type Segment, segmentsFrom } from '../segments.ts';
import type { Query } from './query-type.ts';
import { readRuns } from './read-runs.ts';
import { scanBlocks } from './scan.ts';
import type { Want } from './wants.ts';

export type Asking = Reading & {
  /** False: look at every line, as if there were no index. */
  useIndex?: boolean;
  /** Whether reads may keep everything else from going on; a program that only answers this is quicker then. */
  mayBlock?: boolean;
  /** Told once for each of the ledger's files whose index is damaged; what it says of that file is not believed. */
  onDamaged?: () => void;
  /** Told of bytes of the ledger that are done. */
  onBytes?: (bytes: number) => void;
};

/** The blocks that fit, in order. A ledger that does not exist yet has none. */
export async function* queryBlocks(
  path: string,
  query: Query = {},
  asking: Asking = {},
): AsyncGenerator<HashedBlock> {
  const { from = 1, to = Number.POSITIVE_INFINITY } = query;
  const wants = [...(query.wants ?? [])].sort((a, b) => a.rank - b.rank);
  const fits = fitting({ ...query, wants });
  const isPlain = plainLines();
  for await (const segment of segmentsFrom(path, from, callsOf(asking))) {
    const { sealed, source } = segment;
    if ((sealed?.first ?? 0) > to) return;
    const onUnreadable = (line: Unreadable) =>
      asking.onUnreadable?.({ ...line, ...(sealed && { file: sealed.file }) });
    const parts = { source, wants, isPlain, onUnreadable, onBytes: asking.onBytes };
    const index = isUseful(query, wants) ? await indexOf(path, segment, asking) : undefined;
    try {
      let start = await locateHeight(source, from);
      if (index) {
        for await (const block of readRuns({ ...parts, ...query, index, onDamaged: asking.onDamaged })) {
          if (fits(block)) yield block;
        }
        start = Math.max(start, index.runs.at(-1)?.end ?? 0);
      }
      for await (const block of scanBlocks({ ...parts, from: start })) {
        if (block.height > to) return;
        if (fits(block)) yield block;
      }
    } finally {
      await index?.close();
    }
  }
}

const callsOf = ({ mayBlock }: Asking) => (mayBlock ? blocking : pooled);

function isUseful({ since, until }: Query, wants: readonly Want[]): boolean {
  return since !== undefined || until !== undefined || wants.length > 0;
}

/** Undefined without one that can be used: whatever is wrong with it, the blocks are there. */
export async function indexOf(
  path: string,
  segment: Segment,
  asking: Asking,
): Promise<OpenIndex | undefined> {
  if (asking.useIndex === false) return undefined;
  const { sealed, source } = segment;
  const index = await openIndex(
    sealed ? sealedIndex(path, sealed.first) : activeIndex(path),
    source,
    callsOf(asking),
  ).catch(() => undefined);
  if (index?.isDamaged) asking.onDamaged?.();
  return index;
}

/** Whether a block is what is asked for. Feed it blocks in order: a guest's filter learns. */
function fitting(query: Query & { wants: readonly Want[] }): (block: HashedBlock) => boolean {
  const { from = 1, to = Number.POSITIVE_INFINITY, since, until, wants } = query;
  return (block) => {
    if (!wants.every((want) => want.fits(block))) return false;
    if (block.height < from || block.height > to) return false;
    if (since === undefined && until === undefined) return true;
    const at = Date.parse(block.timestamp);
    return at >= (since ?? Number.NEGATIVE_INFINITY) && at <= (until ?? Number.POSITIVE_INFINITY);
  };
}
