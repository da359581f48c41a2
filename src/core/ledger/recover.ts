// Opens the file of a ledger and makes it fit to append to: an unfinished last line, or a broken chain, is put aside as evidence.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, rename, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { AgentError, isErrno } from '../lib/errors.ts';
import { NO_HASH } from './block.ts';
import { type Border, borderOf, claimedBy, firstBlock } from './border.ts';
import { readFully } from './byte-source.ts';
import type { Broken } from './check-line.ts';
import { digest } from './digest.ts';
import type { LEDGER_FILE } from './file-actions.ts';
import type { Head } from './head.ts';
import { APPEND_FLAGS, type LedgerFs } from './ledger-fs.ts';
import { type LedgerPaths, makeDir, stamp, syncDir, withFile } from './paths.ts';
import type { EntryOf } from './producer.ts';
import { sealedSegments } from './segments.ts';
import { settleSegments } from './settle-segments.ts';
import { checkTail, type TailState } from './tail-check.ts';
import { type VerifyOptions, verifyFile } from './verify.ts';

/** What recovery did, to be recorded as the first block of this run. */
export type RecoveryNote = EntryOf<typeof LEDGER_FILE>;
export type Recovered = {
  file: FileHandle;
  size: number;
  head: Head;
  note?: RecoveryNote;
  /** Where a chain that did not hold was put. */
  setAside?: string;
  /** Height of the first block of the file, also of an empty one. */
  first?: number;
  /** When that was written, in ms of the epoch. */
  begunMs?: number;
};

export type RecoverOptions = { onBroken: 'refuse' | 'set-aside'; nowMs: number; fs: LedgerFs };

/** The writer's lock must be held. Throws `ledger-broken` when the end of the chain does not hold and may not be set aside. */
export async function recover(paths: LedgerPaths, options: RecoverOptions): Promise<Recovered> {
  await settleSegments(paths);
  const file = await openOrCreate(paths, options.fs);
  try {
    const border = await borderOf(paths, file);
    const tail = await checkTail(file, (await file.stat()).size, border.head);
    const broken = border.broken ?? tail.broken;
    if (!broken)
      return { ...(await cutTorn(paths, file, tail, options.nowMs)), ...(await beginOf(file, border)) };
    if (options.onBroken === 'refuse') throw isBroken(paths.file, broken);
    return await startAnew(paths, file, { broken, border }, options);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

// Unknown where the file has a first line that is no block and nobody knows what should stand before it.
async function beginOf(file: FileHandle, { head }: Border): Promise<Pick<Recovered, 'first' | 'begunMs'>> {
  const block = await firstBlock(file);
  const first = head ? head.height + 1 : block?.height;
  const begunMs = block ? Date.parse(block.timestamp) : undefined;
  return { ...(first !== undefined && { first }), ...(begunMs !== undefined && { begunMs }) };
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

/**
 * What is broken keeps every byte under a new name. Guests start on a chain that goes on from the sealed segments, or on a new one, and
 * says so in its next block.
 */
async function startAnew(
  paths: LedgerPaths,
  old: FileHandle,
  { broken, border }: { broken: Broken; border: Border },
  options: RecoverOptions,
): Promise<Recovered> {
  await makeDir(paths.broken);
  const kept = join(paths.broken, stamp(options.nowMs));
  if ((await old.stat()).size === 0) {
    await old.close();
    return startWithout(paths, { broken, kept }, options);
  }
  const mode = broken.reason === 'not-canonical' || broken.reason === 'schema' ? 'strict' : 'fast';
  const claimed = await claimedBy(old);
  const before = border.head ?? claimed;
  const check: VerifyOptions = before === undefined ? { mode } : { mode, before };
  const last = await verifyFile(old, check);
  const found = await digest(old);
  const setAside = `${kept}.jsonl`;
  await rename(paths.file, setAside);
  await syncDir(paths.broken);
  await syncDir(paths.dir);
  await old.close();
  const note = asideNote(paths, { ...found, setAside, broken, head: last.head });
  return { ...(await recover(paths, options)), note, setAside };
}

/** The sealed segments do not end in a block, and nothing is behind them: they all go, or nobody could go on. */
async function startWithout(
  paths: LedgerPaths,
  { broken, kept }: { broken: Broken; kept: string },
  options: RecoverOptions,
): Promise<Recovered> {
  const newest = (await sealedSegments(paths)).at(-1);
  const found = await withFile(newest?.path ?? paths.file, 'r', digest);
  const setAside = `${kept}.segments`;
  await rename(paths.segments, setAside);
  await syncDir(paths.broken);
  await syncDir(paths.side);
  const head = { height: (newest?.first ?? 1) - 1, hash: NO_HASH };
  const note = asideNote(paths, { ...found, setAside, broken, head });
  return { ...(await recover(paths, options)), note, setAside };
}

function asideNote(
  paths: LedgerPaths,
  found: { sha256: string; bytes: number; setAside: string; broken: Broken; head: Head },
): RecoveryNote {
  const { sha256, bytes, setAside, broken, head } = found;
  return {
    action: 'ledger_set_aside',
    data: {
      bytes,
      last_good_hash: head.hash,
      last_good_height: head.height,
      path: relative(dirname(paths.file), setAside),
      reason: `${broken.reason}: expected ${broken.expected}, found ${broken.actual}`,
      sha256,
    },
  };
}

function isBroken(path: string, why: Broken): AgentError {
  const what = `${why.reason}: expected ${why.expected}, found ${why.actual}`;
  return new AgentError('ledger-broken', `The end of the ledger ${path} does not hold (${what}).`);
}
