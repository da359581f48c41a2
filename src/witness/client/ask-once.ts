// One conversation with a witness about the newest checkpoint: until it has cosigned, or has said why not.

import type { SignedCheckpoint, WitnessedLog } from '../../core/ledger/checkpoint/witnessed-log.ts';
import { cosignedAt } from '../../core/ledger/note/cosignature.ts';
import type { Verifier } from '../../core/ledger/note/keys.ts';
import { parseNote, signatureLine } from '../../core/ledger/note/signed-note.ts';
import { quoted } from '../../core/lib/quoted.ts';
import { addCheckpointBody, parseSize } from '../add-checkpoint.ts';
import type { Reply } from './post.ts';
import type { WitnessProblem } from './witness-state.ts';

export type Post = (body: string) => Promise<Reply>;

export type Outcome =
  | { readonly cosigned: Cosigned }
  | { readonly ahead: number }
  | { readonly problem: Omit<WitnessProblem, 'since'>; readonly retryAfter?: number | undefined };

export interface Cosigned {
  readonly size: number;
  readonly note: string;
  /** What is put under the note: this witness's signature alone. */
  readonly line: string;
}

/** One for what we believe, one for what we are told, one for somebody who was faster. */
const TRIES = 3;

/**
 * @param old what the witness is believed to have cosigned last
 * @param key the witness's, for cosignatures
 * Throws what `post` and `consistency` do.
 */
export async function askOnce(
  log: Pick<WitnessedLog, 'newest' | 'consistency'>,
  key: Verifier,
  old: number,
  post: Post,
): Promise<Outcome | undefined> {
  let believed = old;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const head = log.newest();
    if (head === undefined) return undefined;
    if (believed > head.size) return { ahead: believed };
    const proof = await log.consistency(believed, head.size);
    const reply = await post(addCheckpointBody(believed, proof, head.note));
    if (reply.status === 200) return cosignedBy(key, head, reply.body);
    if (reply.status !== 409) return { problem: refusalOf(reply, believed), retryAfter: reply.retryAfter };
    const told = parseSize(reply.body);
    if (told === undefined) return { problem: refused(reply, 'its answer to that is no size') };
    // It has seen as much as we say, and says that it has not: another root of the same size.
    if (told === believed) return { problem: forked(told) };
    believed = told;
  }
  return {
    problem: { kind: 'silent', text: 'it is shown other checkpoints of this ledger at the same time' },
  };
}

function cosignedBy(key: Verifier, { note, size }: SignedCheckpoint, body: string): Outcome {
  const none = (why: string): Outcome => ({
    problem: { kind: 'refused', text: `it answers without a cosignature of its key: ${why}` },
  });
  try {
    const signed = parseNote(note);
    const answered = parseNote(`${signed.text}\n${body}`);
    const found = answered.signatures.find(({ name, id }) => name === key.name && id.equals(key.id));
    if (cosignedAt(answered, key) === undefined || found === undefined) return none(quoted(body, 80));
    return { cosigned: { size, note, line: signatureLine(found, found.bytes) } };
  } catch (error) {
    return none(error instanceof Error ? error.message : String(error));
  }
}

function refusalOf(reply: Reply, old: number): Omit<WitnessProblem, 'since'> {
  switch (reply.status) {
    case 422:
      return forked(old);
    case 404:
      return refused(reply, 'it does not know this log: give its operator the key of this ledger');
    case 403:
      return refused(reply, 'it knows another key for this log');
    case 400:
      return refused(reply, 'it does not understand the request');
    default:
      return { kind: 'silent', text: `it answers with ${reply.status}: ${quoted(reply.body.trim(), 80)}` };
  }
}

const refused = ({ status }: Reply, text: string) => ({
  kind: 'refused' as const,
  text: `${text} (${status})`,
});

const forked = (size: number) => ({
  kind: 'forked' as const,
  text: `this ledger does not go on from the ${size} blocks that it has seen: they were changed, or the host was set back`,
});
