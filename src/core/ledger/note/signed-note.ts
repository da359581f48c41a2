// Text with signatures under it, each a line (C2SP signed-note).

import { AgentError } from '../../lib/errors.ts';
import type { Signer, Verifier } from './keys.ts';

export interface NoteSignature {
  readonly name: string;
  readonly id: Buffer;
  /** What follows the identifier. */
  readonly bytes: Buffer;
}

export interface Note {
  /** With its last line end: what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Much more than any checkpoint with all its witnesses has. */
export const MAX_NOTE_BYTES = 64 * 1024;
const MAX_SIGNATURES = 100;
const ID_BYTES = 4;

/** Throws a RangeError for text that no note can have: it must end its last line, and have no other control characters. */
export function signNote(text: string, signers: readonly Signer[]): string {
  if (!isNoteText(text))
    throw new RangeError('a note ends with a line end, and has no other control characters');
  const lines = signers.map((signer) =>
    signatureLine(signer.verifier, signer.sign(Buffer.from(text, 'utf8'))),
  );
  return `${text}\n${lines.join('')}`;
}

/** One line under a note, its end included. */
export function signatureLine({ name, id }: Pick<Verifier, 'name' | 'id'>, signature: Uint8Array): string {
  return `— ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

/** Reads a note; who signed it is a matter of `isSignedBy`. Throws `bad-argument` for what is none. */
export function parseNote(bytes: string | Buffer): Note {
  const whole = typeof bytes === 'string' ? bytes : bytes.toString('utf8');
  if (Buffer.byteLength(whole) > MAX_NOTE_BYTES) throw bad('it is too long');
  if (typeof bytes !== 'string' && !Buffer.from(whole, 'utf8').equals(bytes)) throw bad('it is not UTF-8');
  // The text may have empty lines; the last one ends it.
  const at = whole.lastIndexOf('\n\n');
  if (at < 0) throw bad('no empty line ends its text');
  const text = whole.slice(0, at + 1);
  if (!isNoteText(text)) throw bad('its text has control characters');
  const rest = whole.slice(at + 2);
  if (!rest.endsWith('\n')) throw bad('its last line has no end');
  const lines = rest.slice(0, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw bad('it has too many signatures');
  return { text, signatures: lines.map(parseSignature) };
}

/** The signature of this key if the note has one that holds; other keys' do not matter, a false one under its name does. */
export function signatureBy(
  note: Note,
  verifier: Verifier,
  messageOf = plainMessage,
): NoteSignature | undefined {
  const own = note.signatures.filter(({ name, id }) => name === verifier.name && id.equals(verifier.id));
  const [first] = own;
  if (first === undefined) return undefined;
  // One that does not hold under the right key's name is no accident, whatever else is there.
  return own.every(({ bytes }) => {
    const signed = messageOf(note.text, bytes);
    return signed !== undefined && verifier.isOf(signed.message, signed.signature);
  })
    ? first
    : undefined;
}

/** What a key has signed and the signature itself, of the bytes that stand in the line; undefined where they are no signature. */
export type MessageOf = (text: string, bytes: Buffer) => { message: Buffer; signature: Buffer } | undefined;

export const plainMessage: MessageOf = (text, bytes) => ({
  message: Buffer.from(text, 'utf8'),
  signature: bytes,
});

function parseSignature(line: string): NoteSignature {
  const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+=*)$/u.exec(line) ?? [];
  if (name === undefined || encoded === undefined) throw bad('a line under it is no signature');
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded || bytes.length <= ID_BYTES)
    throw bad('a signature under it is not in base64');
  return { name, id: bytes.subarray(0, ID_BYTES), bytes: bytes.subarray(ID_BYTES) };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f]/;

/** No control characters but line ends (signed-note: "must not contain any ASCII control characters"). */
const isNoteText = (text: string) =>
  text.endsWith('\n') && !CONTROLS.test(text) && Buffer.from(text).toString() === text;

const bad = (why: string) => new AgentError('bad-argument', `This is no signed note: ${why}.`);
