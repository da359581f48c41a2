// Opens the index of one file of a ledger: the table of its runs, as far as it holds together and with the ledger's file.
import { join } from 'node:path';
import { isErrno } from '../../lib/errors.ts';
import { type Readable, readFully } from '../byte-source.ts';
import { pooled } from '../file-calls.ts';
import { ENTRY_BYTES, entryDigest, NO_ENTRY, type RunEntry, readEntry } from './entry.ts';
import { type Pages, pagesAt } from './pages.ts';
import { dataEnd } from './run-data.ts';

/** The two files of an index. */
export type IndexPaths = { table: string; data: string };

export function indexPaths(dir: string, name: string): IndexPaths {
  return { table: join(dir, `${name}.runs`), data: join(dir, `${name}.data`) };
}

export type Table = {
  runs: RunEntry[];
  /** Of each entry; the next one begins from the last. */
  digests: Buffer[];
  /** Whether there was anything that is no part of it. */
  isDamaged: boolean;
};

const empty = (isDamaged: boolean): Table => ({ runs: [], digests: [], isDamaged });

/** `ledger` is the file that the index is about. A missing table is an empty one. Throws what reading throws. */
export async function readTable(paths: IndexPaths, ledger: Readable, calls = pooled): Promise<Table> {
  const bytes = await calls.readFile(paths.table).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (bytes === undefined) return empty(false);
  const runs: RunEntry[] = [];
  const digests: Buffer[] = [];
  let at = 0;
  for (; at < bytes.length; at += ENTRY_BYTES) {
    const piece = bytes.subarray(at, at + ENTRY_BYTES);
    const entry = readEntry(piece, digests.at(-1) ?? NO_ENTRY);
    if (entry === undefined || !follows(entry, runs.at(-1))) break;
    runs.push(entry);
    digests.push(entryDigest(piece));
  }
  const last = runs.at(-1);
  // The chain of hashes binds what is before: a file that ends its last run in that block is the one that was indexed.
  if (last && !(await endsIn(ledger, last))) return empty(false);
  return { runs, digests, isDamaged: at !== bytes.length };
}

function follows(entry: RunEntry, before: RunEntry | undefined): boolean {
  if (before === undefined) return entry.start === 0 && entry.dataAt === 0;
  const isNext = entry.first === before.first + before.count && entry.start === before.end;
  return isNext && entry.dataAt === dataEnd(before);
}

async function endsIn(ledger: Readable, { end, hash }: RunEntry): Promise<boolean> {
  const foot = `,"hash":"${hash.toString('hex')}"}\n`;
  return (await readFully(ledger, end - foot.length, foot.length)).equals(Buffer.from(foot));
}

const NOTHING: Readable = { read: async () => ({ bytesRead: 0 }) };

export type OpenIndex = Table & { pagesOf(run: RunEntry): Pages; close(): Promise<void> };

/** The table with its data. Without one there are no runs. Throws what reading throws. */
export async function openIndex(paths: IndexPaths, ledger: Readable, calls = pooled): Promise<OpenIndex> {
  const table = await readTable(paths, ledger, calls);
  const file = table.runs.length === 0 ? undefined : await calls.open(paths.data).catch(() => undefined);
  const usable = file
    ? table
    : { runs: [], digests: [], isDamaged: table.isDamaged || table.runs.length > 0 };
  return {
    ...usable,
    pagesOf: ({ dataAt, hash }) => pagesAt(file ?? NOTHING, dataAt, hash),
    close: async () => file?.close(),
  };
}
