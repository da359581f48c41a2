// Names of the files in `ledger.d` that make a ledger evidence.

import { join } from 'node:path';

export interface EvidencePaths {
  /** `ledger.d`. */
  readonly side: string;
  /** The tree's nodes. */
  readonly tree: string;
  /** Every checkpoint that was signed, one JSON object a line. */
  readonly checkpoints: string;
  /** The newest head that was signed. */
  readonly signed: string;
  /** The private key (0400). */
  readonly key: string;
  /** The key that is to follow it, until a checkpoint has been signed with it. */
  readonly nextKey: string;
  /** The public keys in order of their use. */
  readonly keys: string;
  /** Why the epoch that is now began. */
  readonly epoch: string;
}

export function evidencePaths(side: string): EvidencePaths {
  return {
    side,
    tree: join(side, 'tree'),
    checkpoints: join(side, 'checkpoints.jsonl'),
    signed: join(side, 'signed.json'),
    key: join(side, 'key'),
    nextKey: join(side, 'key.next'),
    keys: join(side, 'keys.jsonl'),
    epoch: join(side, 'epoch.json'),
  };
}
