// The keys of blocks that have no body any more: those that were written down beside the ledger.

import { readVerifier } from '../note/keys.ts';
import { readPublicKeys } from './checkpoint-file.ts';
import type { Declaration } from './declarations.ts';

/** @param path of the file of public keys @param dropped how many blocks have no body. Throws `ledger-evidence-unreadable`. */
export async function earlierKeys(path: string, dropped: number): Promise<Declaration[]> {
  if (dropped === 0) return [];
  const kept = await readPublicKeys(path);
  return kept
    .filter(({ from }) => from <= dropped)
    .map(({ key, from }) => ({ height: from, key: readVerifier(key) }))
    .map(({ height, key }) => ({ height, origin: key.name, key, why: 'first' as const, common: undefined }));
}
