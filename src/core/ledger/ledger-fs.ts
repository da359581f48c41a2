// How the ledger's file is opened.
import { constants } from 'node:fs';
import { type FileHandle, open as fsOpen } from 'node:fs/promises';

/** The one call of `node:fs/promises` that tests replace to inject faults. */
export type LedgerFs = { open: (path: string, flags: number, mode?: number) => Promise<FileHandle> };
export const realFs: LedgerFs = { open: fsOpen };

/**
 * How the ledger is opened to append. With O_DSYNC a write returns after its own fdatasync: one trip through Node's thread pool, where
 * write and fdatasync would be two.
 */
export const APPEND_FLAGS = constants.O_RDWR | constants.O_DSYNC;
