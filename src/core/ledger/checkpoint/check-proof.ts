// Checks a proof with nothing but a key: what an auditor does, far from the host. Pure.

import { parseCheckpoint } from '../note/checkpoint.ts';
import type { Verifier } from '../note/keys.ts';
import { parseNote, signatureBy } from '../note/signed-note.ts';
import { parseProof } from '../note/tlog-proof.ts';
import { leafHash } from '../tree/hash.ts';
import { isIncluded } from '../tree/verify-proof.ts';

export interface ProofVerdict {
  readonly verdict: 'proven' | 'no-block' | 'not-included' | 'bad-signature';
  readonly origin: string;
  readonly size: number;
  /** From 1. */
  readonly height: number;
  /** The block's bytes, once they are proven to be in the log. */
  readonly block: Buffer | undefined;
}

/**
 * @param key the log's; without it nobody is known to have signed
 * @param block the bytes of the block, where the proof itself does not hold them
 * Throws `bad-argument` for what is no proof.
 */
export function checkProof(text: string, key: Verifier, block?: Buffer): ProofVerdict {
  const { extra, index, path, checkpoint } = parseProof(text);
  const note = parseNote(checkpoint);
  const { origin, size, root } = parseCheckpoint(note.text);
  const of = (verdict: ProofVerdict['verdict'], found?: Buffer): ProofVerdict => ({
    verdict,
    origin,
    size,
    height: index + 1,
    block: found,
  });
  if (signatureBy(note, key) === undefined) return of('bad-signature');
  const body = block ?? extra;
  if (body === undefined) return of('no-block');
  return isIncluded(index, leafHash(body), size, root, path) ? of('proven', body) : of('not-included');
}
