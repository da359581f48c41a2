// Tells which events the ledger already holds, so that a spooled event is taken in exactly once.
import type { Readable } from './byte-source.ts';
import { canonicalString } from './canonical.ts';
import { readLine } from './line.ts';
import { eachLine, lineChunks } from './line-chunks.ts';
import { segmentsBack } from './segments.ts';

const KEY = '"event_id":"';

/**
 * Those of `ids` that stand in some block as `metadata.event_id`, each with the height of that block. One pass over each
 * segment, from the newest on; only lines that may match are parsed.
 */
export async function findEvents(path: string, ids: ReadonlySet<string>): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  if (ids.size === 0) return found;
  // In the file an id stands as it is written in canonical JSON.
  const wanted = new Set([...ids].map((id) => canonicalString(id)));
  for await (const { source } of segmentsBack(path)) {
    await findIn(source, { ids, wanted, found });
    if (found.size === ids.size) break;
  }
  return found;
}

type Search = { ids: ReadonlySet<string>; wanted: ReadonlySet<string>; found: Map<string, number> };

async function findIn(source: Readable, { ids, wanted, found }: Search): Promise<void> {
  for await (const { bytes, complete } of lineChunks(source, { onTooLong: () => undefined })) {
    if (!complete) return;
    if (!mayHold(bytes, wanted)) continue;
    eachLine(bytes, (start, end) => {
      const line = bytes.subarray(start, end);
      // One unreadable line must not stop spooled events from being taken in.
      const block = mayHold(line, wanted) ? readLine(line) : undefined;
      const id = block?.metadata.event_id;
      if (block && id !== undefined && ids.has(id)) found.set(id, block.height);
      return found.size < ids.size;
    });
    if (found.size === ids.size) return;
  }
}

function mayHold(bytes: Buffer, wanted: ReadonlySet<string>): boolean {
  for (let at = bytes.indexOf(KEY); at >= 0; at = bytes.indexOf(KEY, at + 1)) {
    const from = at + KEY.length;
    let to = bytes.indexOf(QUOTE, from);
    // A quote inside the id has a backslash before it; ids with backslashes are compared by parsing the line.
    while (to >= 0 && bytes[to - 1] === BACKSLASH) to = bytes.indexOf(QUOTE, to + 1);
    if (to >= 0 && wanted.has(bytes.toString('utf8', from - 1, to + 1))) return true;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
