// Opens the file of a ledger and makes it fit to append to: an unfinished last line, or a broken chain, is put aside as evidence.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, rename, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { AgentError, isErrno } from '../lib/errors.ts';
import { NO_HASH } from './block.ts';
import { readFully } from './byte-source.ts';
import type { Broken } from './check-line.ts';
import type { LEDGER_FILE } from './file-actions.ts';
import { APPEND_FLAGS, type LedgerFs } from './ledger-file.ts';
import { type LedgerPaths, makeDir, stamp, syncDir, withFile } from './paths.ts';
import type { EntryOf } from './producer.ts';
import { checkTail, type TailState } from './tail-check.ts';
import { type Head, verifyFile } from './verify.ts';

/** What recovery did, to be recorded as the first block of this run. */
export type RecoveryNote = EntryOf<typeof LEDGER_FILE>;
export type Recovered = {
  file: FileHandle;
  size: number;
  head: Head;
  note?: RecoveryNote;
  /** Where a chain that did not hold was put. */
  setAside?: string;
};

export type RecoverOptions = { onBroken: 'refuse' | 'set-aside'; nowMs: number; fs: LedgerFs };

/** The writer's lock must be held. Throws `ledger-broken` when the end of the chain does not hold and may not be set aside. */
export async function recover(paths: LedgerPaths, options: RecoverOptions): Promise<Recovered> {
  const file = await openOrCreate(paths, options.fs);
  try {
    const tail = await checkTail(file, (await file.stat()).size, { height: 0, hash: NO_HASH });
    if (!tail.broken) return await cutTorn(paths, file, tail, options.nowMs);
    if (options.onBroken === 'refuse') throw broken(paths.file, tail.broken);
    return await startAnew(paths, file, tail.broken, options);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

async function openOrCreate(paths: LedgerPaths, fs: LedgerFs): Promise<FileHandle> {
  const isNew = await stat(paths.file).then(
    () => false,
    (error: unknown) => {
      if (isErrno(error, 'ENOENT')) return true;
      throw error;
    },
  );
  if (!isNew) return fs.open(paths.file, APPEND_FLAGS);
  const file = await fs.open(paths.file, APPEND_FLAGS | constants.O_CREAT | constants.O_EXCL, 0o640);
  // The umask must not decide who can read the ledger.
  await chmod(paths.file, 0o640);
  await file.sync();
  await syncDir(paths.dir);
  return file;
}

// Order matters: the torn bytes are durable elsewhere before they leave the file.
async function cutTorn(
  paths: LedgerPaths,
  file: FileHandle,
  tail: TailState,
  nowMs: number,
): Promise<Recovered> {
  const { good, size, head } = tail;
  if (good === size) return { file, size, head };
  await makeDir(paths.torn);
  const bytes = await readFully(file, good, size - good);
  const part = join(paths.torn, `${stamp(nowMs)}-${good}.part`);
  await withFile(part, 'w', async (out) => {
    await out.writeFile(bytes);
    await out.sync();
  });
  await syncDir(paths.torn);
  await file.truncate(good);
  await file.sync();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const data = { bytes: bytes.length, offset: good, path: relative(dirname(paths.file), part), sha256 };
  return { file, size: good, head, note: { action: 'ledger_torn_tail', data } };
}

/** The broken file keeps every byte under a new name; guests start on a new chain that says so in its first block. */
async function startAnew(
  paths: LedgerPaths,
  old: FileHandle,
  reason: Broken,
  options: RecoverOptions,
): Promise<Recovered> {
  const isStrict = reason.reason === 'not-canonical' || reason.reason === 'schema';
  const last = await verifyFile(old, { mode: isStrict ? 'strict' : 'fast' });
  const { sha256, bytes } = await digest(old);
  await makeDir(paths.broken);
  const kept = join(paths.broken, `${stamp(options.nowMs)}.jsonl`);
  await rename(paths.file, kept);
  await syncDir(paths.broken);
  await syncDir(paths.dir);
  await old.close();
  const data = {
    bytes,
    last_good_hash: last.head.hash,
    last_good_height: last.head.height,
    path: relative(dirname(paths.file), kept),
    reason: `${reason.reason}: expected ${reason.expected}, found ${reason.actual}`,
    sha256,
  };
  return { ...(await recover(paths, options)), note: { action: 'ledger_set_aside', data }, setAside: kept };
}

async function digest(file: FileHandle): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (;;) {
    const piece = await readFully(file, bytes, 1 << 20);
    if (piece.length === 0) return { sha256: hash.digest('hex'), bytes };
    hash.update(piece);
    bytes += piece.length;
  }
}

function broken(path: string, why: Broken): AgentError {
  const what = `${why.reason}: expected ${why.expected}, found ${why.actual}`;
  return new AgentError('ledger-broken', `The end of the ledger ${path} does not hold (${what}).`);
}
