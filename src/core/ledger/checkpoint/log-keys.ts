// Where the log's key comes from, and how another takes its place.

import { AgentError } from '../../lib/errors.ts';
import { newSigner, type Signer, verifierText } from '../note/keys.ts';
import { signatureBy } from '../note/signed-note.ts';
import { keepPublicKey } from './checkpoint-file.ts';
import { promoteKey, readKey, writeKey } from './key-file.ts';
import type { EvidencePaths } from './places.ts';
import { withCheckpoints } from './stored-checkpoints.ts';

export interface LogKeys {
  /** Undefined when there is none yet, or no more. Throws `ledger-key-unusable`. */
  own(): Promise<Signer | undefined>;
  /** A key that was to follow and has not signed yet: the power went. */
  pending(): Promise<Signer | undefined>;
  /** A key that is to follow; it is not the log's own until `adopt`. @param nameOf the name that goes with the public key */
  next(nameOf: (key: Buffer) => string): Promise<Signer>;
  /** Makes it the log's own, once it has signed a checkpoint of `size` blocks. */
  adopt(signer: Signer, size: number): Promise<void>;
}

/** @param credential the file with a key that systemd hands over; there is no other then */
export function logKeys(paths: EvidencePaths, credential: string | undefined): LogKeys {
  const remember = (signer: Signer, size: number) =>
    keepPublicKey(paths.keys, verifierText(signer.verifier), size);
  if (credential !== undefined) {
    const given = async () => {
      const key = await readKey(credential);
      if (key) return key;
      throw new AgentError('ledger-key-unusable', `systemd handed over no key ${credential}.`);
    };
    return {
      own: given,
      pending: async () => undefined,
      async next(nameOf) {
        const key = await given();
        return key.named(nameOf(key.verifier.raw));
      },
      adopt: remember,
    };
  }
  return {
    async own() {
      const next = await readKey(paths.nextKey);
      // The power went between its first signature and its new name: where it has signed, it is the key.
      const first = next && (await firstSignedBy(paths.checkpoints, next));
      if (next && first !== undefined) {
        await remember(next, first);
        await promoteKey(paths.nextKey, paths.key);
      }
      return readKey(paths.key);
    },
    pending: () => readKey(paths.nextKey),
    async next(nameOf) {
      const made = newSigner('key');
      const signer = made.named(nameOf(made.verifier.raw));
      await writeKey(paths.nextKey, signer);
      return signer;
    },
    async adopt(signer, size) {
      await remember(signer, size);
      await promoteKey(paths.nextKey, paths.key);
    },
  };
}

/** Blocks of the first checkpoint that it has signed. */
async function firstSignedBy(checkpoints: string, { verifier }: Signer): Promise<number | undefined> {
  return withCheckpoints(checkpoints, async ({ each }) => {
    for await (const { note, checkpoint } of each()) if (signatureBy(note, verifier)) return checkpoint.size;
    return undefined;
  });
}
