// Signs heads of the tree, and never two different ones for one size.

import { AgentError } from '../../lib/errors.ts';
import { checkpointText } from '../note/checkpoint.ts';
import type { Signer } from '../note/keys.ts';
import { signNote } from '../note/signed-note.ts';
import type { TreeFile } from '../tree/tree-file.ts';
import { keepCheckpoint } from './checkpoint-file.ts';
import type { EvidencePaths } from './places.ts';
import { isSameHead, readSignedHead, type SignedHead, writeSignedHead } from './signed-head.ts';

export interface Signed {
  readonly note: string;
  readonly head: SignedHead;
}

export interface SignParts {
  readonly paths: EvidencePaths;
  readonly tree: TreeFile;
  readonly origin: string;
  readonly epoch: number;
  readonly machine: string;
  /** The first is the log's own; others stand beside it where a key follows another. */
  readonly signers: readonly Signer[];
  /** What this process has written down last under this origin; undefined when nothing was. */
  readonly last: SignedHead | undefined;
  /** Told of the head once it is written down, whether or not its note can be kept then. */
  readonly onRecorded: (head: SignedHead) => void;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
}

/**
 * Signs the tree as it is. Throws `ledger-checkpoint-refused` when what was signed before does not lead to it, and what the disk throws;
 * then nobody has got anything, and the same can be signed later.
 */
export async function signTree(parts: SignParts): Promise<Signed> {
  const { paths, tree, origin, epoch, machine, signers, last } = parts;
  const size = tree.size();
  await tree.flush();
  const root = tree.root(size);
  const at = new Date(parts.now()).toISOString();
  const head: SignedHead = { origin, epoch, machine, size, root: root.toString('hex'), at };
  await demandNoOther(paths.signed, head, last, tree);
  // Before the note is anywhere: if the power goes now, the same head is signed again, and no other.
  await writeSignedHead(paths.signed, head);
  parts.onRecorded(head);
  const note = signNote(checkpointText({ origin, size, root }), signers);
  await keepCheckpoint(paths.checkpoints, at, note);
  return { note, head };
}

async function demandNoOther(
  path: string,
  head: SignedHead,
  last: SignedHead | undefined,
  tree: TreeFile,
): Promise<void> {
  const kept = await readSignedHead(path);
  if (kept === 'damaged' && last !== undefined) throw refused('what was signed before cannot be read');
  if (kept === undefined || kept === 'damaged' || kept.origin !== head.origin) return;
  if (last !== undefined && !isSameHead(kept, last)) throw refused('somebody else has signed meanwhile');
  if (kept.size > head.size) throw refused(`${kept.size} blocks were signed, and there are ${head.size}`);
  if (tree.root(kept.size).toString('hex') !== kept.root)
    throw refused(`the first ${kept.size} blocks are not those that were signed`);
}

const refused = (why: string) =>
  new AgentError('ledger-checkpoint-refused', `The ledger's head is not signed: ${why}.`);
