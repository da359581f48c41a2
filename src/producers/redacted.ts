// The ledger as producers get it: nothing that looks like a secret goes through.

import type { DeclaredEntry, Ledger } from '../core/ledger/index.ts';
import { redact } from '../core/ledger/redact.ts';

export type Appender = Pick<Ledger, 'append'>;

/** `names`: beside the built-in ones. `append` rejects as the ledger's does. */
export function redacted(ledger: Appender, names: readonly string[]): Appender {
  return {
    append: async (entry) => ledger.append({ ...entry, data: redact(entry.data, names) } as DeclaredEntry),
  };
}
