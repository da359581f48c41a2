// Follows a ledger as it grows, like `tail -F`: it may not exist yet, and may be replaced.
import { type FileHandle, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { openWatching, type Watch } from '../lib/watch.ts';
import type { HashedBlock } from './block.ts';
import { readLine } from './line.ts';
import { eachLine, lineChunks } from './line-chunks.ts';
import { locateHeight } from './locate.ts';
import { openToRead } from './read.ts';
import { lastLineEnd } from './tail-check.ts';

// inotify can miss what happens on a network file system, or before the directory exists.
const POLL_MS = 1000;

/**
 * Blocks as they come, until `signal` aborts (it then ends without an error). Starts at the end of the file as it is at the first
 * `next()`, or after the height `after`. A file put in its place (a new chain) is followed from its first block.
 * Blocks may show up a moment before they are durable.
 */
export async function* follow(
  path: string,
  signal: AbortSignal,
  options: { after?: number } = {},
): AsyncGenerator<HashedBlock> {
  const bell = changeBell(path, signal);
  let file = await openToRead(path);
  let offset = file ? await startOffset(file, options.after) : 0;
  let after = options.after ?? 0;
  try {
    while (!signal.aborted) {
      if (file) {
        // Cut back by the writer after a failed write; always at a line end.
        offset = Math.min(offset, (await file.stat()).size);
        const pieces = lineChunks(file, {
          from: offset,
          onTooLong: ({ offset: at, bytes }) => (offset = at + bytes),
        });
        for await (const { bytes, complete, offset: at } of pieces) {
          if (!complete) break;
          const blocks: HashedBlock[] = [];
          eachLine(bytes, (start, end) => {
            const block = readLine(bytes.subarray(start, end));
            if (block) blocks.push(block);
            return true;
          });
          offset = at + bytes.length;
          for (const block of blocks) if (block.height > after && !signal.aborted) yield block;
        }
      }
      if (signal.aborted) return;
      if (await isOther(path, file)) {
        await file?.close();
        file = await openToRead(path);
        offset = 0;
        after = 0;
      } else {
        await bell.rung();
      }
    }
  } finally {
    bell.stop();
    await file?.close();
  }
}

async function startOffset(file: FileHandle, after: number | undefined): Promise<number> {
  if (after !== undefined) return locateHeight(file, after + 1);
  // From the last line end, so that a line being written now is not seen from its middle.
  return lastLineEnd(file, (await file.stat()).size);
}

async function isOther(path: string, file: FileHandle | undefined): Promise<boolean> {
  const now = await stat(path).catch(() => undefined);
  if (!now) return false;
  return !file || (await file.stat()).ino !== now.ino;
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
