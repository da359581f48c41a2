// The open ledger file: durable writes at its end, and the way back after one that failed.
import { fstatSync, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { AgentError, isErrno } from '../lib/errors.ts';
import type { Head } from './head.ts';
import { APPEND_FLAGS, type LedgerFs } from './ledger-fs.ts';
import { type LedgerPaths, syncDir } from './paths.ts';
import { SealedNotDurable, sealActive } from './seal.ts';
import { checkTail } from './tail-check.ts';

export type LedgerFile = {
  /** Bytes that are durable. */
  size(): number;
  /** Bytes that were appended since it was opened, also those that are sealed by now. */
  written(): number;
  /** Writes after the durable bytes, and resolves when the device has it. On failure nothing of it stays. */
  append(bytes: Buffer, before: Head): Promise<void>;
  /**
   * Why the name no longer leads to what was written: the file was moved, replaced, cut, or somebody else wrote to it. Undefined
   * while all is well, and while a write is under way.
   */
  lost(): string | undefined;
  /**
   * Seals what was written, whose first block has the height `first`, and goes on with an empty file. On failure all is as before.
   * Not while a write is under way.
   */
  seal(first: number, before: Head): Promise<void>;
  close(): Promise<void>;
};

/** `startSize` must be where the last good line ends, with nothing after it. */
export function ledgerFile(
  paths: LedgerPaths,
  first: FileHandle,
  startSize: number,
  fs: LedgerFs,
): LedgerFile {
  const path = paths.file;
  let file: FileHandle | undefined = first;
  let size = startSize;
  let written = 0;
  let isWriting = false;
  // The name of the file might not survive a power cut.
  let isUnsynced = false;

  async function drop(): Promise<void> {
    const old = file;
    file = undefined;
    await old?.close().catch(() => undefined);
  }

  /** The file as it was left, or opened anew; it is the one that the name leads to. */
  async function fitFile(before: Head): Promise<FileHandle> {
    if (isUnsynced) {
      await syncDir(paths.side);
      await syncDir(paths.dir);
      isUnsynced = false;
    }
    file ??= await reopen(paths, fs, size, before);
    const lost = lostOf(path, file, size);
    if (lost !== undefined) throw new Error(lost);
    return file;
  }

  async function write(bytes: Buffer, before: Head): Promise<void> {
    const target = await fitFile(before);
    await writeAll(target, bytes, size).catch(async (error: unknown) => {
      // Whether the write failed or its fdatasync cannot be told apart, so the descriptor goes in either case.
      await target.truncate(size).catch(() => undefined);
      await drop();
      throw error;
    });
    size += bytes.length;
    written += bytes.length;
  }

  async function seal(height: number, before: Head): Promise<void> {
    const old = await fitFile(before);
    file = await sealActive(paths, height, fs).catch((error: unknown) => {
      if (!(error instanceof SealedNotDurable)) throw error;
      isUnsynced = true;
      return undefined;
    });
    size = 0;
    await old.close().catch(() => undefined);
  }

  async function alone(work: Promise<void>): Promise<void> {
    isWriting = true;
    try {
      await work;
    } finally {
      isWriting = false;
    }
  }

  return {
    size: () => size,
    written: () => written,
    lost: () => (isWriting || file === undefined ? undefined : lostOf(path, file, size)),
    append: (bytes, before) =>
      alone(write(bytes, before)).catch((cause: unknown) => {
        throw new AgentError('ledger-write-failed', `The ledger ${path} could not be written.`, { cause });
      }),
    seal: (height, before) => alone(seal(height, before)),
    close: drop,
  };
}

// Two calls of some microseconds, beside a write that waits for its device.
function lostOf(path: string, target: FileHandle, size: number): string | undefined {
  const held = fstatSync(target.fd);
  try {
    const named = statSync(path);
    if (named.ino !== held.ino || named.dev !== held.dev) return 'another file has its name';
  } catch (error) {
    // What else can keep a name from being looked up says nothing about the file.
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'it was moved or removed';
  }
  if (held.size < size) return `it was cut from ${size} to ${held.size} bytes`;
  return held.size > size ? `somebody else wrote ${held.size - size} bytes to it` : undefined;
}

async function writeAll(target: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await target.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

// After a failed fsync the kernel marks the lost pages clean, and the same descriptor then reports success ("fsyncgate").
// So: a new descriptor, cut back to what was acknowledged, and proof that this still ends in the block it should.
async function reopen(paths: LedgerPaths, fs: LedgerFs, size: number, before: Head): Promise<FileHandle> {
  const fresh = await fs.open(paths.file, APPEND_FLAGS);
  try {
    const found = (await fresh.stat()).size;
    if (found < size) throw new Error(`the file has ${found} bytes, ${size} were durable`);
    if (found > size) await fresh.truncate(size);
    await fresh.sync();
    const tail = size > 0 ? await checkTail(fresh, size) : { good: 0, head: before };
    if ('broken' in tail || tail.good !== size || tail.head.hash !== before.hash) {
      throw new Error('the file does not end in the last acknowledged block');
    }
    return fresh;
  } catch (error) {
    await fresh.close().catch(() => undefined);
    throw error;
  }
}
