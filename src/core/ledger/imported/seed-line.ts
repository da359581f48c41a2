// Reads one line of a ledger that the older program wrote, in either of its forms, and hashes it by that program's own rule. Pure.
//
// That program hashes no bytes of the line but values of it, one behind the other and without a mark between them, so the line
// is taken only in the one way in which it writes it: fields in the order of its structure, nothing between them, each text with
// the escapes that serde_json uses. Its data is sorted and compact there as it was when it was hashed.

import { createHash, type Hash } from 'node:crypto';

/** `block`: with height and producer, since October 2025. `record`: the five fields before that. */
export type SeedForm = 'block' | 'record';

export interface SeedLine {
  readonly form: SeedForm;
  /** Seconds of the epoch. */
  readonly timestamp: bigint;
  /** Undefined of a record. */
  readonly height: bigint | undefined;
  readonly prevHash: string;
  /** As it stands there. */
  readonly hash: string;
  /** As the rule gives it. */
  readonly computed: string;
  readonly action: string;
  /** Of a block only. */
  readonly category: string | undefined;
  readonly user: string | undefined;
  /** JSON, as it stands there. */
  readonly dataText: string;
}

const BLOCK =
  'timestamp height prev_hash hash producer category action user hostname pid data metadata signature';
const RECORD = 'ts action details prev_hash hash';
/** serde_json reads no deeper. */
const DEPTH_MAX = 128;
const U32 = 2n ** 32n - 1n;
const U64 = 2n ** 64n - 1n;
const HASH = /^[0-9a-f]{64}$/;

/** Undefined for what that program has not written. */
export function readSeedLine(text: string): SeedLine | undefined {
  try {
    JSON.parse(text);
    const raw = rawFields(text);
    const names = [...raw.keys()].join(' ');
    if (names === BLOCK) return readBlock(raw);
    return names === RECORD ? readRecord(raw) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof OtherForm) return undefined;
    /* v8 ignore next -- a fault of ours, and none of the line's */
    throw error;
  }
}

/** What stands there is JSON, and not as that program writes it. */
class OtherForm extends Error {}

type Raw = ReadonlyMap<string, string>;

function readBlock(raw: Raw): SeedLine {
  const [timestamp, height, pid] = [
    whole(raw, 'timestamp', U64),
    whole(raw, 'height', U64),
    whole(raw, 'pid', U32),
  ];
  const [prevHash, category, action, user] = [
    before(raw),
    string(raw, 'category'),
    string(raw, 'action'),
    string(raw, 'user'),
  ];
  const dataText = part(raw, 'data');
  if (part(raw, 'signature') !== 'null') string(raw, 'signature');
  const hash = createHash('sha256');
  littleEndian(hash, height);
  hash.update(prevHash);
  littleEndian(hash, timestamp);
  for (const text of [string(raw, 'producer'), category, action, user, string(raw, 'hostname')])
    hash.update(text);
  hash.update(Buffer.from(new Uint32Array([Number(pid)]).buffer));
  hash.update(dataText).update(metadataText(part(raw, 'metadata')));
  const computed = hash.digest('hex');
  return {
    form: 'block',
    timestamp,
    height,
    prevHash,
    hash: digits(raw),
    computed,
    action,
    category,
    user,
    dataText,
  };
}

function readRecord(raw: Raw): SeedLine {
  const [timestamp, action, prevHash] = [whole(raw, 'ts', U64), string(raw, 'action'), before(raw)];
  const dataText = part(raw, 'details');
  const hash = createHash('sha256').update(prevHash);
  littleEndian(hash, timestamp);
  const computed = hash.update(action).update(dataText).digest('hex');
  const none = { height: undefined, category: undefined, user: undefined };
  return { form: 'record', timestamp, prevHash, hash: digits(raw), computed, action, dataText, ...none };
}

function littleEndian(hash: Hash, value: bigint): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  hash.update(bytes);
}

/** `key:value` of each, by key, nothing between them. */
function metadataText(raw: string): string {
  const entries = [...rawFields(raw)].map(([key, value]): [Buffer, string] => [
    Buffer.from(key),
    `${key}:${plainString(value)}`,
  ]);
  // Rust orders texts by their bytes.
  return entries
    .sort(([a], [b]) => Buffer.compare(a, b))
    .map(([, text]) => text)
    .join('');
}

function part(raw: Raw, name: string): string {
  return raw.get(name) ?? '';
}

function whole(raw: Raw, name: string, max: bigint): bigint {
  const text = part(raw, name);
  if (!/^(0|[1-9][0-9]{0,19})$/.test(text) || BigInt(text) > max) throw new OtherForm();
  return BigInt(text);
}

const string = (raw: Raw, name: string) => plainString(part(raw, name));

function plainString(text: string): string {
  const value: unknown = JSON.parse(text);
  // ECMAScript's escapes are serde_json's too.
  if (typeof value !== 'string' || JSON.stringify(value) !== text) throw new OtherForm();
  return value;
}

function digits(raw: Raw): string {
  const hash = string(raw, 'hash');
  if (!HASH.test(hash)) throw new OtherForm();
  return hash;
}

function before(raw: Raw): string {
  const hash = string(raw, 'prev_hash');
  if (hash !== '' && !HASH.test(hash)) throw new OtherForm();
  return hash;
}

/** The members of an object as they stand in its text, which is JSON. Throws when a blank stands between them, or a key twice. */
function rawFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  if (text === '{}') return fields;
  if (!text.startsWith('{"') || !text.endsWith('}')) throw new OtherForm();
  for (let at = 1; at < text.length; ) {
    const keyEnd = stringEnd(text, at);
    const key = plainString(text.slice(at, keyEnd));
    if (text[keyEnd] !== ':' || fields.has(key)) throw new OtherForm();
    const end = valueEnd(text, keyEnd + 1);
    fields.set(key, text.slice(keyEnd + 1, end));
    at = end + 1;
  }
  return fields;
}

function stringEnd(text: string, from: number): number {
  if (text[from] !== '"') throw new OtherForm();
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Where the comma or brace behind the value is. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; ; at++) {
    const sign = text[at] ?? '';
    if (sign === '"') at = stringEnd(text, at) - 1;
    else if (sign === '{' || sign === '[') depth++;
    else if (depth === 0 && (sign === ',' || sign === '}' || sign === '')) return at;
    else if (sign === '}' || sign === ']') depth--;
    if (depth > DEPTH_MAX) throw new OtherForm();
  }
}
