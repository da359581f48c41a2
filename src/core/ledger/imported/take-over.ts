// Takes a ledger of the older program over: looks at every line of it, puts it where nobody changes it, and records what it is.

import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { ofCategories } from '../line-bytes.ts';
import { ledgerPaths, syncDir } from '../paths.ts';
import { entryOf } from '../producer.ts';
import { readBlocks } from '../read.ts';
import type { Ledger } from '../writer.ts';
import { type ImportedData, importedData, LEDGER_IMPORT } from './actions.ts';
import { examineSeedLedger } from './examine.ts';
import { importedDir, importedPath, incomingPath } from './places.ts';

export type TakenOver = ImportedData & { already: boolean; height: number };

export interface TakeOverRequest {
  sha256: string;
  /** Where it lay, as the caller says. */
  file: string;
  user: string;
  pid: number;
}

/**
 * The same bytes are recorded once. Throws `bad-argument` when there is nothing to take over under that digest.
 * @param path of the ledger
 */
export async function takeOver(
  ledger: Pick<Ledger, 'append'>,
  path: string,
  { sha256, file, user, pid }: TakeOverRequest,
): Promise<TakenOver> {
  const { side, dir } = ledgerPaths(path);
  const [incoming, kept] = [incomingPath(side, sha256), importedPath(side, sha256)];
  const before = await recorded(path, sha256);
  if (before !== undefined) {
    await rm(incoming, { force: true });
    return { already: true, ...before };
  }
  // It is there already when the power went before the block was written.
  const ready = await openKept(kept);
  const source = ready ?? (await openKept(incoming));
  if (source === undefined) throw refused('there is no copy of it');
  try {
    const found = await examineSeedLedger(source);
    if (found.sha256 !== sha256) throw refused(`the copy has the digest ${found.sha256}`);
    if (found.verdict === 'none') throw refused('no line of it is of the older program');
    await source.chmod(0o400);
    await source.sync();
    if (ready === undefined) await rename(incoming, kept);
    else await rm(incoming, { force: true });
    await syncDir(importedDir(side));
    const data = importedData(found, found.verdict, { file, path: kept.slice(dir.length + 1) });
    const { height } = await ledger.append(
      entryOf(LEDGER_IMPORT, { action: 'ledger_imported', data, user, pid }),
    );
    return { already: false, height, ...data };
  } finally {
    await source.close();
  }
}

/** Every import that the ledger tells of, by height. */
export async function* imports(path: string): AsyncGenerator<ImportedData & { height: number }> {
  const shape = LEDGER_IMPORT.actions.ledger_imported.data;
  for await (const block of readBlocks(path, { looksRight: ofCategories(['filesystem']) })) {
    if (block.action !== 'ledger_imported') continue;
    const data = shape.safeParse(block.data);
    if (data.success) yield { height: block.height, ...data.data };
  }
}

async function recorded(path: string, sha256: string) {
  for await (const one of imports(path)) if (one.sha256 === sha256) return one;
  return undefined;
}

async function openKept(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (file === undefined || (await file.stat()).isFile()) return file;
  await file.close();
  throw refused(`${path} is no file`);
}

const refused = (why: string) =>
  new AgentError('bad-argument', `The ledger of the older program is not taken over: ${why}`);
