// Follows a ledger as it grows, like `tail -F`: it may not exist yet, and may be replaced.
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { openWatching, type Watch } from '../lib/watch.ts';
import type { HashedBlock } from './block.ts';
import { readLine } from './line.ts';
import { eachLine, lineChunks, type Unreadable } from './line-chunks.ts';
import { heightOfFirst, locateHeight } from './locate.ts';
import { ledgerPaths } from './paths.ts';
import { openActive, type Segment, sealedSegments, segmentAfter, segmentOf } from './segments.ts';
import { lastLineEnd } from './tail-check.ts';

// inotify can miss what happens on a network file system, or before the directory exists.
const POLL_MS = 1000;

/** Where a follower is: in which segment, and how far in it. */
type Place = { segment: Segment; offset: number };

/**
 * Blocks as they come, until `signal` aborts (it then ends without an error). Starts at the end of the ledger as it is at the first
 * `next()`, or after the height `after`. When the file is sealed, the one that takes its name goes on with the chain; any other file
 * put in its place (a new chain) is followed from its first block. Blocks may show up a moment before they are durable.
 */
export async function* follow(
  path: string,
  signal: AbortSignal,
  options: { after?: number } = {},
): AsyncGenerator<HashedBlock> {
  const bell = changeBell(path, signal);
  let { after = 0 } = options;
  let place = await begin(path, options.after);
  try {
    while (!signal.aborted) {
      // What was written before the file lost its name is read after that is seen.
      const isDone =
        place === undefined || place.segment.sealed !== undefined || (await hasLostName(path, place));
      if (place)
        for await (const block of newBlocks(place))
          if (block.height > after && !signal.aborted) {
            yield block;
          }
      if (signal.aborted) return;
      if (!isDone) {
        await bell.rung();
        continue;
      }
      const first = place && (await firstOf(path, place));
      await place?.segment.source.close();
      if (first === undefined && place) after = 0;
      const segment = await segmentAfter(path, first ?? Number.MAX_SAFE_INTEGER);
      place = segment && { segment, offset: 0 };
      if (place === undefined) await bell.rung();
    }
  } finally {
    bell.stop();
    await place?.segment.source.close();
  }
}

async function begin(path: string, after: number | undefined): Promise<Place | undefined> {
  if (after !== undefined) {
    const segment = await segmentOf(path, after + 1);
    return segment && { segment, offset: await locateHeight(segment.source, after + 1) };
  }
  const source = await openActive(path);
  // From the last line end, so that a line being written now is not seen from its middle.
  return source && { segment: { source }, offset: await lastLineEnd(source, await source.size()) };
}

async function* newBlocks(place: Place): AsyncGenerator<HashedBlock> {
  const { source } = place.segment;
  // Cut back by the writer after a failed write; always at a line end.
  place.offset = Math.min(place.offset, await source.size());
  const onTooLong = ({ offset, bytes }: Unreadable) => {
    place.offset = offset + bytes;
  };
  for await (const { bytes, complete, offset } of lineChunks(source, { from: place.offset, onTooLong })) {
    if (!complete) return;
    const blocks: HashedBlock[] = [];
    eachLine(bytes, (start, end) => {
      const block = readLine(bytes.subarray(start, end));
      if (block) blocks.push(block);
      return true;
    });
    place.offset = offset + bytes.length;
    yield* blocks;
  }
}

/** The height by which the segment is named, if it is sealed now. */
async function firstOf(path: string, { segment }: Place): Promise<number | undefined> {
  if (segment.sealed) return segment.sealed.first;
  const height = await heightOfFirst(segment.source);
  const sealed = await sealedSegments(ledgerPaths(path));
  return sealed.find(({ first }) => first === height)?.first;
}

async function hasLostName(path: string, { segment }: Place): Promise<boolean> {
  const now = await stat(path, { bigint: true }).catch(() => undefined);
  // As long as nothing has its place, a moved file may still be written to.
  return now !== undefined && segment.source.id !== `${now.dev}:${now.ino}`;
}

type Bell = { rung(): Promise<void>; stop(): void };

function changeBell(path: string, signal: AbortSignal): Bell {
  let rang = false;
  let wake = () => {};
  const ring = () => {
    rang = true;
    wake();
  };
  const watcher = watchDir(path, ring);
  const timer = setInterval(ring, POLL_MS);
  signal.addEventListener('abort', ring);
  return {
    async rung() {
      if (!rang) await new Promise<void>((resolve) => (wake = resolve));
      rang = false;
    },
    stop() {
      clearInterval(timer);
      watcher?.close();
      signal.removeEventListener('abort', ring);
    },
  };
}

function watchDir(path: string, ring: () => void): Watch | undefined {
  try {
    // The directory, not the file: a file that is replaced takes its watch with it.
    return openWatching({ pollMs: POLL_MS }).directory(
      dirname(path),
      (name) => name === basename(path) && ring(),
    );
  } catch {
    return undefined;
  }
}
