// The keys of blocks that have no body any more: those that were written down beside the ledger.

import type { NamedKey } from './checkpoint-file.ts';
import type { Declaration } from './declarations.ts';

/** @param dropped how many blocks have no body */
export const earlierKeys = (named: readonly NamedKey[], dropped: number): Declaration[] =>
  (dropped === 0 ? [] : named)
    .filter(({ from }) => from <= dropped)
    .map(({ key, from: height }) => ({ height, origin: key.name, key, why: 'first', common: undefined }));
