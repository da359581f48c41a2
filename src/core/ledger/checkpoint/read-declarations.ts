// What the blocks of a ledger declare of its keys, looked up without reading all of them.

import { queryBlocks } from '../query/query.ts';
import { wantActions } from '../query/wants.ts';
import { oldestHeight } from '../segments.ts';
import { readNamedKeys } from './checkpoint-file.ts';
import { type Declaration, declaring } from './declarations.ts';
import { earlierKeys } from './earlier-keys.ts';

/** In order of height. @param keys the file of the public keys, for blocks that have no body any more */
export async function readDeclarations(path: string, keys: string): Promise<Declaration[]> {
  const { take, declared } = declaring();
  const wants = [wantActions(['ledger_epoch_begun', 'ledger_key_rotated'])];
  for await (const block of queryBlocks(path, { wants })) take(block);
  const dropped = ((await oldestHeight(path)) ?? 1) - 1;
  return [...earlierKeys(await readNamedKeys(keys), dropped), ...declared.declarations];
}
