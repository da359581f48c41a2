// Decides whether a ledger goes on under the name it has, or begins a new epoch. Pure.

import type { EpochReason } from './actions.ts';
import type { SignedHead } from './signed-head.ts';

export interface EpochFacts {
  /** A digest of this host's machine id. */
  machine: string;
  /** `[ledger] origin`; empty for the default. */
  configured: string;
  /** What was signed last; `damaged` where that cannot be read. */
  signed: SignedHead | 'damaged' | undefined;
  hasKey: boolean;
  /** What this host would call the ledger in the epoch of `signed`. */
  expectedOrigin: string | undefined;
  /** Blocks of the ledger. */
  size: number;
  /** The root of its first `signed.size` blocks, in hex; undefined when it has fewer. */
  rootAtSigned: string | undefined;
}

/** Undefined when it goes on. */
export function epochReason(facts: EpochFacts): EpochReason | undefined {
  const { signed, machine, configured } = facts;
  if (signed === 'damaged') return 'record-lost';
  if (signed === undefined) return facts.hasKey ? 'record-lost' : 'first';
  // A template that was cloned has everything of the first host, the key too: the machine id is what differs.
  if (signed.machine !== machine) return 'other-machine';
  if (!facts.hasKey) return 'key-lost';
  if (facts.rootAtSigned !== signed.root) return 'rolled-back';
  // The default follows the host's name; that a host is renamed makes no other ledger of it.
  if (configured !== '' && facts.expectedOrigin !== signed.origin) return 'origin-changed';
  return undefined;
}

/** Whether the key before signs the first checkpoint of the epoch, too: it shows that the same hand goes on. */
export const isSignedByFormerKey = (why: EpochReason | 'unknown'): boolean =>
  why === 'rolled-back' || why === 'witness-ahead' || why === 'origin-changed';
