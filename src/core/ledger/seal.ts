// Seals the file that is appended to: it becomes a segment, and an empty file takes its name. Whatever fails, no block is lost or doubled.
import { constants } from 'node:fs';
import { chmod, type FileHandle, link, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, isErrno } from '../lib/errors.ts';
import { keepOwner } from '../lib/keep-owner.ts';
import { APPEND_FLAGS, type LedgerFs } from './ledger-fs.ts';
import { type LedgerPaths, makeDir, syncDir } from './paths.ts';
import { SEALED_MODE, segmentName } from './segments.ts';

/**
 * `first`: the height of its first block. Resolves with the new file, still without a block, when its name is durable. On failure the
 * old file has its name and is whole.
 *
 * The order: the old file has its second name durably before the first one leads elsewhere; so at each moment, also after a power cut,
 * every block has a name. A name too many is what the next start takes away (`settleSegments`).
 */
export async function sealActive(paths: LedgerPaths, first: number, fs: LedgerFs): Promise<FileHandle> {
  const sealed = join(paths.segments, segmentName(first));
  await makeDir(paths.segments);
  const fresh = await emptyFile(paths, fs);
  try {
    await giveName(paths.file, sealed);
  } catch (error) {
    await fresh.close().catch(() => undefined);
    await rm(paths.next, { force: true });
    throw error;
  }
  try {
    await syncDir(paths.segments);
    await rename(paths.next, paths.file);
  } catch (error) {
    await fresh.close().catch(() => undefined);
    await unseal(paths, sealed);
    throw error;
  }
  try {
    await syncDir(paths.side);
    await syncDir(paths.dir);
  } catch (cause) {
    await fresh.close().catch(() => undefined);
    throw new SealedNotDurable(cause);
  }
  await chmod(sealed, SEALED_MODE).catch(() => undefined);
  return fresh;
}

/** The file is sealed, and whether the next one's name survives a power cut is not known: the directory could not be synchronised. */
export class SealedNotDurable extends AgentError {
  constructor(cause: unknown) {
    super('ledger-write-failed', 'The directory of the ledger could not be synchronised.', { cause });
  }
}

// It has the name already where an attempt that failed could not take it back.
async function giveName(file: string, name: string): Promise<void> {
  try {
    await link(file, name);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const [one, other] = await Promise.all([stat(file), stat(name)]);
    if (one.ino !== other.ino || one.dev !== other.dev) throw error;
  }
}

async function emptyFile(paths: LedgerPaths, fs: LedgerFs): Promise<FileHandle> {
  const { mode, uid, gid } = await stat(paths.file);
  await rm(paths.next, { force: true });
  const file = await fs.open(paths.next, APPEND_FLAGS | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await keepOwner(file, { uid, gid });
    await file.chmod(mode & 0o777);
    await file.sync();
    return file;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(paths.next, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function unseal(paths: LedgerPaths, sealed: string): Promise<void> {
  await rm(sealed);
  await syncDir(paths.segments);
  await rm(paths.next, { force: true });
}
