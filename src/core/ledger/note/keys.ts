// Ed25519 keys of signed notes, in the text forms that other tools read (C2SP signed-note; golang.org/x/mod/sumdb/note).

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { AgentError } from '../../lib/errors.ts';

/** What a signature is made of, as the byte that says so in keys and their identifiers. */
export const SIGNATURE = { ed25519: 0x01, cosignature: 0x04 } as const;
export type SignatureType = (typeof SIGNATURE)[keyof typeof SIGNATURE];

const ID_BYTES = 4;
const RAW_BYTES = 32;
const SSH_TYPE = 'ssh-ed25519';
/** Before a raw key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410, section 7). */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

/** Who can be asked whether a note is theirs. */
export interface Verifier {
  readonly name: string;
  readonly type: SignatureType;
  /** Four bytes that tell keys of one name apart. */
  readonly id: Buffer;
  /** The 32 bytes of the public key. */
  readonly raw: Buffer;
  isOf(message: Uint8Array, signature: Uint8Array): boolean;
}

export interface Signer {
  readonly verifier: Verifier;
  sign(message: Uint8Array): Buffer;
  /** The same key under another name. */
  named(name: string): Signer;
  /** As it is kept in a file that nobody else can read. */
  privateText(): string;
}

/** A name has neither space nor plus sign, and is not empty: it stands in lines and keys beside both. */
export const isKeyName = (name: string): boolean => name !== '' && !/[\s+\p{Cc}]/u.test(name);

export function newSigner(name: string): Signer {
  return signerOf(name, generateKeyPairSync('ed25519').privateKey);
}

/** `name+id+key`: what is given to those who verify. */
export function verifierText({ name, id, type, raw }: Verifier): string {
  return `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(type), raw]).toString('base64')}`;
}

/** The key as OpenSSH writes it in `*.pub` files and `authorized_keys` (RFC 8709): what sigsum-key and ssh-keygen read. */
export function opensshText({ name, raw }: Pick<Verifier, 'name' | 'raw'>): string {
  const part = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const blob = Buffer.concat([part(Buffer.from(SSH_TYPE)), part(raw)]);
  return `${SSH_TYPE} ${blob.toString('base64')} ${name}`;
}

/**
 * Sigsum gives keys without names; the name follows from the key then. Its logs and witnesses sign by these names.
 * Source: sigsum's log and cosignature formats.
 */
export function sigsumVerifier(raw: Buffer, type: SignatureType): Verifier {
  const hash = createHash('sha256').update(raw).digest('hex');
  const kind = type === SIGNATURE.cosignature ? 'witness' : 'tree';
  return verifierOf(`sigsum.org/v1/${kind}/${hash}`, raw, type);
}

/** Throws `bad-argument` for text that is no such key, or whose identifier is another key's. */
export function readVerifier(text: string): Verifier {
  const { name, id, type, raw } = partsOf(text, /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/);
  const known = Object.values(SIGNATURE).find((one) => one === type);
  if (known === undefined) throw bad('its algorithm is none that is known here');
  const found = verifierOf(name, raw, known);
  if (!found.id.equals(id)) throw bad('its identifier belongs to another key');
  return found;
}

/**
 * The key of a log or of a witness, which are never taken for one another; Sigsum's form in hex has a name of its own.
 * Throws `bad-argument`.
 */
export function readKeyOf(text: string, type: SignatureType): Verifier {
  if (/^[0-9a-f]{64}$/i.test(text)) return sigsumVerifier(Buffer.from(text, 'hex'), type);
  const verifier = readVerifier(text);
  if (verifier.type === type) return verifier;
  throw bad(
    type === SIGNATURE.cosignature
      ? 'a witness has a key for cosignatures (type 4), and this is the key of a log'
      : 'a log has a key of type 1, and this is the key of a witness',
  );
}

/** Throws `bad-argument` for text that is no private key. */
export function readSigner(text: string): Signer {
  const { name, id, type, raw } = partsOf(
    text.trimEnd(),
    /^PRIVATE\+KEY\+([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/,
  );
  if (type !== SIGNATURE.ed25519) throw bad('its algorithm is not Ed25519');
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, raw]), format: 'der', type: 'pkcs8' });
  const signer = signerOf(name, key);
  if (!signer.verifier.id.equals(id)) throw bad('its identifier belongs to another key');
  return signer;
}

/** @param type what the signature will be of: the same key has another identifier as a cosigner's */
export function verifierOf(name: string, raw: Buffer, type: SignatureType = SIGNATURE.ed25519): Verifier {
  if (!isKeyName(name)) throw bad('its name is empty, or has a space or a plus sign');
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_DER, raw]), format: 'der', type: 'spki' });
  const identified = createHash('sha256').update(`${name}\n`).update(Buffer.of(type)).update(raw).digest();
  return {
    name,
    type,
    id: identified.subarray(0, ID_BYTES),
    raw,
    isOf: (message, signature) => verify(null, message, key, signature),
  };
}

function signerOf(name: string, key: KeyObject): Signer {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const verifier = verifierOf(name, der.subarray(PUBLIC_DER.length));
  return {
    verifier,
    sign: (message) => sign(null, message, key),
    named: (other) => signerOf(other, key),
    privateText() {
      const seed = key.export({ format: 'der', type: 'pkcs8' }).subarray(PRIVATE_DER.length);
      const encoded = Buffer.concat([Buffer.of(SIGNATURE.ed25519), seed]).toString('base64');
      return `PRIVATE+KEY+${name}+${verifier.id.toString('hex')}+${encoded}`;
    },
  };
}

function partsOf(text: string, form: RegExp): { name: string; id: Buffer; type: number; raw: Buffer } {
  const [, name, id, encoded] = form.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined)
    throw bad('it has not the form of one');
  const bytes = Buffer.from(encoded, 'base64');
  // Node skips what is no base64: only what it would write itself is read.
  if (bytes.toString('base64') !== encoded || bytes.length !== 1 + RAW_BYTES)
    throw bad('it has not the length of one');
  return { name, id: Buffer.from(id, 'hex'), type: bytes[0] ?? 0, raw: bytes.subarray(1) };
}

const bad = (why: string) => new AgentError('bad-argument', `This is no key of a signed note: ${why}.`);
