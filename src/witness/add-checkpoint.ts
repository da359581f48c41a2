// The body of POST /add-checkpoint, written and read: what a witness is told of a log (C2SP tlog-witness). Pure.

import { type Checkpoint, parseCheckpoint } from '../core/ledger/note/checkpoint.ts';
import { MAX_NOTE_BYTES, type Note, parseNote } from '../core/ledger/note/signed-note.ts';
import { HASH_BYTES } from '../core/ledger/tree/hash.ts';
import { AgentError } from '../core/lib/errors.ts';

export interface AddCheckpoint {
  /** What the log believes that the witness has seen last. */
  readonly old: number;
  readonly proof: readonly Buffer[];
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

/** The specification's limit: a tree has no more levels. */
const MAX_PROOF_LINES = 63;
const LINE_BYTES = 45;
/** Of a body: a note, a proof of full length, and the line before both. */
export const MAX_BODY_BYTES = MAX_NOTE_BYTES + MAX_PROOF_LINES * LINE_BYTES + 64;

/** The media type of the size that a 409 tells. */
export const SIZE_TYPE = 'text/x.tlog.size';

export function addCheckpointBody(old: number, proof: readonly Buffer[], note: string): string {
  return `old ${old}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${note}`;
}

/** Throws `bad-argument` for a body that is none. */
export function parseAddCheckpoint(body: Buffer): AddCheckpoint {
  if (body.length > MAX_BODY_BYTES) throw bad('it is too long');
  const end = body.indexOf('\n\n');
  if (end < 0) throw bad('no empty line ends the proof');
  const [first = '', ...lines] = body.subarray(0, end).toString('latin1').split('\n');
  const [, size] = /^old (0|[1-9][0-9]*)$/.exec(first) ?? [];
  const old = Number(size);
  if (size === undefined || !Number.isSafeInteger(old)) throw bad('its first line is not "old" and a size');
  if (lines.length > MAX_PROOF_LINES) throw bad('its proof is too long');
  const proof = lines.map(hashOf);
  const note = parseNote(body.subarray(end + 2));
  return { old, proof, note, checkpoint: parseCheckpoint(note.text) };
}

/** What a 409 says; undefined for what is no size. */
export function parseSize(body: string): number | undefined {
  const [, size] = /^(0|[1-9][0-9]*)\n?$/.exec(body) ?? [];
  return size !== undefined && Number.isSafeInteger(Number(size)) ? Number(size) : undefined;
}

function hashOf(line: string): Buffer {
  const hash = Buffer.from(line, 'base64');
  if (hash.length !== HASH_BYTES || hash.toString('base64') !== line)
    throw bad('its proof has a line that is no hash');
  return hash;
}

const bad = (why: string) => new AgentError('bad-argument', `This adds no checkpoint: ${why}.`);
