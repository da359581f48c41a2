// Where the index of each of a ledger's files is.
import { join } from 'node:path';
import { ledgerPaths } from '../paths.ts';
import { type IndexPaths, indexPaths } from './table.ts';

export const indexDir = (path: string) => join(ledgerPaths(path).side, 'index');

/** Of the file that is appended to. */
export const activeIndex = (path: string): IndexPaths => indexPaths(indexDir(path), 'active');

/** Of the sealed segment whose first block has this height. */
export const sealedIndex = (path: string, first: number): IndexPaths =>
  indexPaths(indexDir(path), String(first).padStart(20, '0'));
