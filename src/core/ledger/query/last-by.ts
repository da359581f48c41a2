// Finds the last block that was written by a time. Looks from the end back, by the index as far as there is one.
import type { HashedBlock } from '../block.ts';
import { plainLines } from '../plain-line.ts';
import { type Segment, segmentsBack } from '../segments.ts';
import { type Asking, indexOf } from './query.ts';
import { scanBlocks } from './scan.ts';

/** `time` in milliseconds of the epoch. Clocks jump, so an earlier block may have a later time: the last one counts. */
export async function lastBlockBy(
  path: string,
  time: number,
  asking: Asking = {},
): Promise<HashedBlock | undefined> {
  for await (const segment of segmentsBack(path)) {
    const found = await lastIn(path, segment, time, asking);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function lastIn(
  path: string,
  segment: Segment,
  time: number,
  asking: Asking,
): Promise<HashedBlock | undefined> {
  const index = await indexOf(path, segment, asking);
  await index?.close();
  const runs = index?.runs ?? [];
  const behind = { start: runs.at(-1)?.end ?? 0, end: undefined, earliest: Number.NEGATIVE_INFINITY };
  for (const { start, end, earliest } of [behind, ...[...runs].reverse()]) {
    if (earliest > time) continue;
    let last: HashedBlock | undefined;
    const lines = { from: start, ...(end !== undefined && { to: end }) };
    const parts = {
      wants: [],
      isPlain: plainLines(),
      onUnreadable: pass,
      onBytes: asking.onBytes,
    };
    for await (const block of scanBlocks({ source: segment.source, ...lines, ...parts }))
      if (Date.parse(block.timestamp) <= time) last = block;
    if (last !== undefined) return last;
  }
  return undefined;
}

// Whoever searches is told of such lines by what reads the blocks.
const pass = () => undefined;
