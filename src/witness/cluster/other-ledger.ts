// One node's part as a witness of another: pins its key, and cosigns its newest checkpoint if that goes on from what was seen.

import { type Checkpoint, parseCheckpoint } from '../../core/ledger/note/checkpoint.ts';
import { readKeyOf, SIGNATURE, type Verifier } from '../../core/ledger/note/keys.ts';
import { type Note, parseNote, signatureBy } from '../../core/ledger/note/signed-note.ts';
import { addCheckpointBody } from '../add-checkpoint.ts';
import type { SeenHeads } from '../seen-heads.ts';
import type { Witness } from '../witness.ts';
import type { Published } from './published.ts';

export type Looked =
  /** Nothing new, or something that is not there yet. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'cosigned'; readonly key: string }
  /** The key that is pinned from now on; and what is to be told of a ledger that goes on under another name. */
  | { readonly kind: 'pinned'; readonly key: string; readonly text?: string }
  | { readonly kind: 'wrong'; readonly text: string };

const NOTHING: Looked = { kind: 'nothing' };

export interface OtherLedgerParts {
  readonly seen: SeenHeads;
  /** Has `keyOfNode` for the origin that is asked about. */
  readonly witness: Pick<Witness, 'addCheckpoint'>;
  /** Lets the witness take this key for this origin. */
  readonly trust: (key: Verifier) => void;
}

/** @param pinned the key that this node's ledger had when it was first seen */
export async function lookAtLedger(
  { checkpoint, proofs }: Published,
  pinned: string | undefined,
  { seen, witness, trust }: OtherLedgerParts,
): Promise<Looked> {
  if (checkpoint === undefined || proofs === undefined) return NOTHING;
  let note: Note;
  let key: Verifier;
  let shown: Checkpoint;
  try {
    note = parseNote(checkpoint);
    shown = parseCheckpoint(note.text);
    key = readKeyOf(proofs.key, SIGNATURE.ed25519);
  } catch {
    return { kind: 'wrong', text: 'what it shows is no checkpoint' };
  }
  const { origin, size, root } = shown;
  if (signatureBy(note, key) === undefined || key.name !== origin)
    return { kind: 'wrong', text: 'its checkpoint is not signed with the key that it shows' };
  if (pinned === undefined) return { kind: 'pinned', key: proofs.key };
  if (pinned !== proofs.key) {
    // The first checkpoint of a new key is signed by both.
    const former = readKeyOf(pinned, SIGNATURE.ed25519);
    if (signatureBy(note, former))
      return { kind: 'pinned', key: proofs.key, ...(await newName(former.name, shown, seen)) };
    return { kind: 'wrong', text: 'the key of its ledger is another one than before' };
  }
  trust(key);
  const latest = await seen.latest(origin);
  if (latest && latest.size === size && latest.root.equals(root)) return NOTHING;
  const old = latest?.size ?? 0;
  if (size < old)
    return {
      kind: 'wrong',
      text: `it shows ${size} blocks of its ledger, and has shown ${old}: it was set back`,
    };
  const found = proofs.size === size ? proofs.from.find((one) => one.size === old) : undefined;
  // It makes a proof once it has seen how far we are.
  if (found === undefined && old !== 0 && old !== size) return NOTHING;
  const hashes = (found?.hashes ?? []).map((text) => Buffer.from(text, 'base64'));
  const answer = await witness.addCheckpoint(Buffer.from(addCheckpointBody(old, hashes, checkpoint)));
  if (answer.status === 200) return { kind: 'cosigned', key: proofs.key };
  return {
    kind: 'wrong',
    text: `its ledger does not go on from the ${old} blocks that were seen (${answer.status})`,
  };
}

/** A node that knows of its new epoch before it has shown how few blocks it has is seen under the new name alone. */
async function newName(
  former: string,
  { origin, size }: Checkpoint,
  seen: SeenHeads,
): Promise<{ text: string } | undefined> {
  if (former === origin) return undefined;
  const old = (await seen.latest(former))?.size ?? 0;
  return {
    text: `it goes on as ${origin} with ${size} blocks, and has shown ${old} as ${former}: it was set back, copied or renamed`,
  };
}
