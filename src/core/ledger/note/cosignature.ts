// What a witness signs: the note, and when it saw that its tree had only grown (C2SP tlog-cosignature).

import type { Signer } from './keys.ts';
import { SIGNATURE, type Verifier, verifierOf } from './keys.ts';
import { type MessageOf, type Note, type NoteSignature, signatureBy, signatureLine } from './signed-note.ts';

const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;

/** A cosigner's key has an identifier of its own: a log's and a witness's signature are never taken for one another. */
export const cosignerOf = ({ name, raw }: Verifier): Verifier => verifierOf(name, raw, SIGNATURE.cosignature);

/** A line to put under the note. @param time seconds of the epoch */
export function cosign(text: string, signer: Signer, time: number): string {
  const stamp = Buffer.alloc(TIME_BYTES);
  stamp.writeBigUInt64BE(BigInt(time));
  const signature = signer.sign(messageAt(text, time));
  return signatureLine(cosignerOf(signer.verifier), Buffer.concat([stamp, signature]));
}

/** Whether it has the form of a cosignature. A log's own, also one of its former keys, has not. */
export const isCosignature = ({ bytes }: NoteSignature): boolean =>
  bytes.length === TIME_BYTES + SIGNATURE_BYTES;

/** When this witness has cosigned the note, in seconds of the epoch; undefined when it has not. */
export function cosignedAt(note: Note, witness: Verifier): number | undefined {
  const found = signatureBy(note, witness, messageOf);
  return found === undefined ? undefined : Number(found.bytes.readBigUInt64BE(0));
}

const messageOf: MessageOf = (text, bytes) => {
  if (bytes.length <= TIME_BYTES) return undefined;
  const time = bytes.readBigUInt64BE(0);
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { message: messageAt(text, Number(time)), signature: bytes.subarray(TIME_BYTES) };
};

const messageAt = (text: string, time: number) =>
  Buffer.from(`cosignature/v1\ntime ${time}\n${text}`, 'utf8');
