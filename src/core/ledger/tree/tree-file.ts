// The tree's nodes on disk: appended as they become complete, and read for roots and proofs.

import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { growFrom, leavesOf } from './grow.ts';
import { HASH_BYTES, leafHash } from './hash.ts';
import { nodesOf, positionOf } from './positions.ts';
import { type ReadNode, rootOf } from './proofs.ts';

export interface TreeReader {
  /** Leaves. */
  readonly size: number;
  /** Throws `ledger-tree-unreadable`. */
  readonly read: ReadNode;
  close(): void;
}

export interface TreeFile {
  size(): number;
  /** Adds the leaf of the next block; nothing is written yet. @param block its bytes as they stand in its line */
  add(block: Uint8Array | string): void;
  /** Nodes that are not in the file yet. */
  waiting(): number;
  /** Writes what was added, and returns when the device has it. */
  flush(): Promise<void>;
  /** Also of an earlier size. */
  root(size: number): Buffer;
  readonly read: ReadNode;
  close(): Promise<void>;
}

/**
 * Opens the file to go on with its first `keep` leaves, or with as many as it has. What stands behind them is dropped: it was never
 * signed, and a power cut may have left anything there.
 */
export async function openTree(path: string, keep: number): Promise<TreeFile> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const size = Math.min(keep, leavesOf(Math.floor((await file.stat()).size / HASH_BYTES)));
    await file.truncate(nodesOf(size) * HASH_BYTES);
    return treeFile(file, size);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

function treeFile(file: FileHandle, start: number): TreeFile {
  let written = nodesOf(start);
  let added: Buffer[] = [];
  let flushing: Promise<void> = Promise.resolve();
  const read: ReadNode = (node) => {
    const at = positionOf(node);
    return at < written ? readNode(file.fd, at) : (added[at - written] ?? missing(at));
  };
  const tree = growFrom(start, read);

  async function write(): Promise<void> {
    const taken = added.length;
    if (taken === 0) return;
    const bytes = Buffer.concat(added.slice(0, taken));
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(
        bytes,
        done,
        bytes.length - done,
        written * HASH_BYTES + done,
      );
      done += bytesWritten;
    }
    await file.datasync();
    written += taken;
    added = added.slice(taken);
  }

  return {
    size: tree.size,
    read,
    add: (block) => void added.push(...tree.add(leafHash(block))),
    waiting: () => added.length,
    flush() {
      // One that failed is tried again with the next: its nodes are still in memory.
      flushing = flushing.catch(() => undefined).then(write);
      return flushing;
    },
    root: (size) => (size === tree.size() ? tree.root() : rootOf(size, read)),
    async close() {
      await flushing.catch(() => undefined);
      await file.close();
    },
  };
}

/** For proofs without an agent. Undefined when there is no such file. */
export function readTree(path: string): TreeReader | undefined {
  let fd: number;
  try {
    // O_NONBLOCK: opening a FIFO would wait for a writer for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    // A link to nothing is not the same as nothing there.
    if (isErrno(cause, 'ENOENT') && lstatSync(path, { throwIfNoEntry: false }) === undefined)
      return undefined;
    throw unreadable(`${path} cannot be read`, cause);
  }
  const stats = fstatSync(fd);
  if (!stats.isFile()) {
    closeSync(fd);
    throw unreadable(`${path} is no regular file`);
  }
  const size = leavesOf(Math.floor(stats.size / HASH_BYTES));
  return { size, read: (node) => readNode(fd, positionOf(node)), close: () => closeSync(fd) };
}

function readNode(fd: number, at: number): Buffer {
  const hash = Buffer.allocUnsafeSlow(HASH_BYTES);
  return readSync(fd, hash, 0, HASH_BYTES, at * HASH_BYTES) === HASH_BYTES ? hash : missing(at);
}

function missing(at: number): never {
  throw unreadable(`it has no node ${at}`);
}

const unreadable = (why: string, cause?: unknown) =>
  new AgentError('ledger-tree-unreadable', `The tree of the ledger's blocks cannot be read: ${why}.`, {
    cause,
  });
