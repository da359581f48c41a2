// One member of a packed segment: a piece of text as gzip (RFC 1952), with what it takes to find the next member and to see that no bit was changed.
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { sha256Hex } from './sha256.ts';

/** The most text that a member holds, in bytes: more than one chunk of whole lines is. */
export const MAX_MEMBER_TEXT = 2 << 20;
/** Header with its extra field, and CRC with length. */
export const MEMBER_HEAD = 56;
export const MEMBER_FOOT = 8;

const PLAIN_HEAD = 10;
/** Bytes of the extra field's value: length of the deflated body, length of the text, SHA-256 of the body. */
const VALUE = 40;

// Magic, deflate, FEXTRA; no time; no flags, unknown system; length of the extra field; its name, and length of its value.
const HEAD = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, VALUE + 4, 0, 0x4f, 0x56, VALUE, 0]);

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** What a member's head says: how long its deflated body and its text are, and the digest (hex) of the body. */
export type MemberHead = { body: number; text: number; sha256: string };

export async function packMember(text: Buffer): Promise<Buffer> {
  const plain = await pack(text);
  const body = plain.subarray(PLAIN_HEAD, plain.length - MEMBER_FOOT);
  const value = Buffer.alloc(VALUE);
  value.writeUInt32LE(body.length, 0);
  value.writeUInt32LE(text.length, 4);
  value.write(sha256Hex(body), 8, 'hex');
  return Buffer.concat([HEAD, value, plain.subarray(PLAIN_HEAD)]);
}

/** Undefined when these are not the first bytes of a member as `packMember` writes it. */
export function readMemberHead(bytes: Buffer): MemberHead | undefined {
  if (bytes.length < MEMBER_HEAD || !bytes.subarray(0, HEAD.length).equals(HEAD)) return undefined;
  const at = HEAD.length;
  const text = bytes.readUInt32LE(at + 4);
  if (text === 0 || text > MAX_MEMBER_TEXT) return undefined;
  return { body: bytes.readUInt32LE(at), text, sha256: bytes.toString('hex', at + 8, at + VALUE) };
}

/** The text of a whole member; or why it cannot be had. */
export async function unpackMember(bytes: Buffer, head: MemberHead): Promise<Buffer | string> {
  const body = bytes.subarray(MEMBER_HEAD, bytes.length - MEMBER_FOOT);
  // CRC and inflate do not see every bit: some of the last byte are padding.
  if (sha256Hex(body) !== head.sha256) return 'its packed bytes were changed';
  try {
    const text = await unpack(bytes, { maxOutputLength: head.text });
    return text.length === head.text ? text : `it holds ${text.length} bytes and not ${head.text}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
