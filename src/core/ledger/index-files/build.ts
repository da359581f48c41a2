// Builds the index of one file of a ledger, or goes on with it. Its bytes follow from the ledger's alone, so two who build it at
// the same time write the same.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Block } from '../block.ts';
import type { ByteSource } from '../byte-source.ts';
import { checkLink, checkStrict } from '../check-line.ts';
import { FOOT_BYTES, HEAD_BYTES } from '../line.ts';
import { eachLine, lineChunks } from '../line-chunks.ts';
import { makeDir } from '../paths.ts';
import { plainLines } from '../plain-line.ts';
import { claimedBefore } from '../tail-check.ts';
import type { Head } from '../verify.ts';
import { ENTRY_BYTES, entryDigest, NO_ENTRY, writeEntry } from './entry.ts';
import { pagesAt, toPages } from './pages.ts';
import { dataEnd, layout, runBuilder } from './run-data.ts';
import { type IndexPaths, readTable, type Table } from './table.ts';

/** Blocks of a run in the file that grows; fewer than that are searched without an index. */
export const RUN_BLOCKS = 1024;
/** Blocks of a run in a sealed segment, the last of which is shorter. */
const SEALED_RUN_BLOCKS = 16_384;
/** Lines between two turns for others. */
const TURN_LINES = 128;

export type Building = {
  /** No block will be added to the file, so that its last blocks are indexed too. */
  isSealed: boolean;
  /** Also look at every page that is there, and make anew what is damaged. */
  check?: boolean;
  /** How many blocks a run has; tests have short ones. */
  runBlocks?: number;
  /** Told of bytes of the ledger that are done. */
  onBytes?: (bytes: number) => void;
  /** How long others have their turn between two pieces of work; 0 by default. */
  pauseMs?: number;
  signal?: AbortSignal;
};

/**
 * What stands behind the index is added to it; one that does not fit the ledger is made anew. A line that does not hold ends it:
 * behind that, readers look without it. Returns the table as it is then. Throws what the file system throws.
 */
export async function buildIndex(
  dir: string,
  paths: IndexPaths,
  ledger: ByteSource,
  building: Building,
): Promise<Table> {
  await makeDir(dir);
  const table = await readTable(paths, ledger);
  const files = await openBoth(paths);
  try {
    const { runs } = table;
    if (building.check) await dropDamaged(table, files.data);
    // Behind the table there may be what a crash, or somebody else, left.
    await files.table.truncate(runs.length * ENTRY_BYTES);
    const last = runs.at(-1);
    const dataBytes = last ? dataEnd(last) : 0;
    if ((await files.data.stat()).size > dataBytes) await files.data.truncate(dataBytes);
    await addRuns(files, table, ledger, building);
    return table;
  } finally {
    await files.table.close();
    await files.data.close();
  }
}

async function dropDamaged(table: Table, data: FileHandle): Promise<void> {
  for (const [at, run] of table.runs.entries()) {
    const pages = pagesAt(data, run.dataAt, run.hash);
    const isWhole = await pages.read(0, layout(run).bytes).then(
      () => true,
      () => false,
    );
    if (isWhole) continue;
    table.runs.length = at;
    table.digests.length = at;
    return;
  }
}

type Files = { table: FileHandle; data: FileHandle };

async function openBoth(paths: IndexPaths): Promise<Files> {
  const flags = constants.O_RDWR | constants.O_CREAT;
  const table = await open(paths.table, flags, 0o600);
  try {
    return { table, data: await open(paths.data, flags, 0o600) };
  } catch (error) {
    await table.close();
    throw error;
  }
}

async function addRuns(files: Files, table: Table, ledger: ByteSource, building: Building): Promise<void> {
  const { isSealed, onBytes, signal, pauseMs = 0 } = building;
  const isPlain = plainLines();
  const size = building.runBlocks ?? (isSealed ? SEALED_RUN_BLOCKS : RUN_BLOCKS);
  const last = table.runs.at(-1);
  let head: Head | undefined = last && {
    height: last.first + last.count - 1,
    hash: last.hash.toString('hex'),
  };
  let run: ReturnType<typeof runBuilder> | undefined;
  let lines = 0;

  /** Whether the line holds; only then it is indexed. */
  const take = (bytes: Buffer, start: number, end: number, offset: number): boolean => {
    const before = head ?? claimedBefore(bytes, start, end);
    const link = checkLink(bytes, start, end, before);
    if (link.broken || !(isPlain(bytes, start, end) || checkStrict(bytes, start, end) === undefined))
      return false;
    // The line was checked: it need not be held against the schema again.
    const block = JSON.parse(bytes.toString('utf8', start + HEAD_BYTES, end - FOOT_BYTES)) as Block;
    run ??= runBuilder(block.height, offset + start);
    run.add({ ...block, hash: link.hash }, offset + start, offset + end + 1);
    head = { height: block.height, hash: link.hash };
    return true;
  };
  const finish = async () => {
    if (run) await write(files, table, run);
    run = undefined;
  };

  for await (const { bytes, offset, complete } of lineChunks(ledger, { from: last?.end ?? 0 })) {
    if (!complete) break;
    const bounds: [start: number, end: number][] = [];
    eachLine(bytes, (...line) => bounds.push(line) > 0);
    for (const [start, end] of bounds) {
      if (!take(bytes, start, end, offset)) return isSealed ? finish() : undefined;
      if (run?.count() === size) await finish();
      if (++lines % TURN_LINES === 0) {
        await (pauseMs > 0 ? sleep(pauseMs) : nextTurn());
        signal?.throwIfAborted();
      }
    }
    onBytes?.(bytes.length);
  }
  if (isSealed) await finish();
}

// The data first: an entry without its data is found damaged, data without an entry is not looked at.
async function write(files: Files, table: Table, run: ReturnType<typeof runBuilder>): Promise<void> {
  const before = table.runs.at(-1);
  const { entry, data } = run.finish(before ? dataEnd(before) : 0);
  await writeAt(files.data, toPages(data, entry.hash), entry.dataAt);
  const bytes = writeEntry(entry, table.digests.at(-1) ?? NO_ENTRY);
  await writeAt(files.table, bytes, table.runs.length * ENTRY_BYTES);
  table.runs.push(entry);
  table.digests.push(entryDigest(bytes));
}

async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
