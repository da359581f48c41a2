// What the ledger says of blocks whose bodies are gone: the segments that retention dropped.

import type { Head } from './head.ts';
import { readLine } from './line.ts';
import { eachLine, lineChunks } from './line-chunks.ts';
import { segmentsBack } from './segments.ts';

/** The action of the block that tells of it, before it is done. */
export const BODIES_DROPPED = 'ledger_bodies_dropped';

/** The last block that has no body, and when that was recorded (RFC 3339). All before it have none either. */
export type Dropped = Head & { at: string };

const START = Buffer.from(`{"block":{"action":"${BODIES_DROPPED}"`);

/** Undefined when nothing was dropped. */
export function lastDropped(path: string): Promise<Dropped | undefined> {
  return findDropped(path, () => true);
}

/** What says that the blocks up to `head` have no body, and none behind it; a newer block may announce more than is done yet. */
export function droppedUpTo(path: string, head: Head): Promise<Dropped | undefined> {
  return findDropped(path, ({ height, hash }) => height === head.height && hash === head.hash);
}

/** The newest that is wanted. */
async function findDropped(
  path: string,
  isWanted: (dropped: Dropped) => boolean,
): Promise<Dropped | undefined> {
  for await (const { source } of segmentsBack(path)) {
    let found: Dropped | undefined;
    for await (const { bytes, complete } of lineChunks(source, { onTooLong: () => undefined })) {
      if (!complete || !bytes.includes(START)) continue;
      eachLine(bytes, (start, end) => {
        const isOne = bytes.compare(START, 0, START.length, start, Math.min(end, start + START.length)) === 0;
        const dropped = isOne ? droppedBy(bytes.subarray(start, end)) : undefined;
        if (dropped && isWanted(dropped)) found = dropped;
        return true;
      });
    }
    if (found) return found;
  }
  return undefined;
}

function droppedBy(line: Buffer): Dropped | undefined {
  const block = readLine(line);
  const { to, last_hash: hash } = (block?.data ?? {}) as { to?: unknown; last_hash?: unknown };
  if (block === undefined || typeof to !== 'number' || typeof hash !== 'string') return undefined;
  return { height: to, hash, at: block.timestamp };
}
