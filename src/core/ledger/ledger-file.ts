// The open ledger file: durable writes at its end, and the way back after one that failed.
import { constants, fstatSync, statSync } from 'node:fs';
import { type FileHandle, open as fsOpen } from 'node:fs/promises';
import { AgentError, isErrno } from '../lib/errors.ts';
import type { Head } from './head.ts';
import { checkTail } from './tail-check.ts';

/** The one call of `node:fs/promises` that tests replace to inject faults. */
export type LedgerFs = { open: (path: string, flags: number, mode?: number) => Promise<FileHandle> };
export const realFs: LedgerFs = { open: fsOpen };

/**
 * How the ledger is opened to append. With O_DSYNC a write returns after its own fdatasync: one trip through Node's thread pool, where
 * write and fdatasync would be two.
 */
export const APPEND_FLAGS = constants.O_RDWR | constants.O_DSYNC;

export type LedgerFile = {
  /** Bytes that are durable. */
  size(): number;
  /** Writes after the durable bytes, and resolves when the device has it. On failure nothing of it stays. */
  append(bytes: Buffer, before: Head): Promise<void>;
  /**
   * Why the name no longer leads to what was written: the file was moved, replaced, cut, or somebody else wrote to it. Undefined
   * while all is well, and while a write is under way.
   */
  lost(): string | undefined;
  close(): Promise<void>;
};

/** `size` must be where the last good line ends, with nothing after it. */
export function ledgerFile(path: string, first: FileHandle, startSize: number, fs: LedgerFs): LedgerFile {
  let file: FileHandle | undefined = first;
  let size = startSize;
  let isWriting = false;

  // Two calls of some microseconds, beside a write that waits for its device.
  const lostOf = (target: FileHandle): string | undefined => {
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
  };

  async function writeAll(target: FileHandle, bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await target.write(bytes, done, bytes.length - done, size + done);
      done += bytesWritten;
    }
  }

  async function drop(): Promise<void> {
    const old = file;
    file = undefined;
    await old?.close().catch(() => undefined);
  }

  // After a failed fsync the kernel marks the lost pages clean, and the same descriptor then reports success ("fsyncgate").
  // So: a new descriptor, cut back to what was acknowledged, and proof that this still ends in the block it should.
  async function reopen(before: Head): Promise<FileHandle> {
    const fresh = await fs.open(path, APPEND_FLAGS);
    try {
      const found = (await fresh.stat()).size;
      if (found < size) throw new Error(`the file has ${found} bytes, ${size} were durable`);
      if (found > size) await fresh.truncate(size);
      await fresh.sync();
      const tail = await checkTail(fresh, size);
      if (tail.broken || tail.good !== size || tail.head.hash !== before.hash) {
        throw new Error('the file does not end in the last acknowledged block');
      }
    } catch (error) {
      await fresh.close().catch(() => undefined);
      throw error;
    }
    file = fresh;
    return fresh;
  }

  return {
    size: () => size,
    lost: () => (isWriting || file === undefined ? undefined : lostOf(file)),
    async append(bytes, before) {
      isWriting = true;
      try {
        const target = file ?? (await reopen(before));
        const lost = lostOf(target);
        if (lost !== undefined) throw new Error(lost);
        await writeAll(target, bytes).catch(async (error: unknown) => {
          // Whether the write failed or its fdatasync cannot be told apart, so the descriptor goes in either case.
          await target.truncate(size).catch(() => undefined);
          await drop();
          throw error;
        });
        size += bytes.length;
      } catch (cause) {
        throw new AgentError('ledger-write-failed', `The ledger ${path} could not be written.`, { cause });
      } finally {
        isWriting = false;
      }
    },
    close: drop,
  };
}
