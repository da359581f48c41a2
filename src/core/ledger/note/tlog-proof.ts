// A proof that a block is in a log, as a file that needs nothing else (C2SP tlog-proof).

import { AgentError } from '../../lib/errors.ts';
import { HASH_BYTES } from '../tree/hash.ts';

const FIRST = 'c2sp.org/tlog-proof@v1';
/** 63 hashes lead from any leaf that can be counted to its root. */
const MAX_HASHES = 63;

export interface TlogProof {
  /** Not vouched for by itself; ours hold the block's bytes, whose leaf the proof is of. */
  readonly extra: Buffer | undefined;
  /** From 0. */
  readonly index: number;
  /** The leaf's neighbour first. */
  readonly path: readonly Buffer[];
  /** The signed note, as it was. */
  readonly checkpoint: string;
}

export function proofText({ extra, index, path, checkpoint }: TlogProof): string {
  const lines = [
    FIRST,
    ...(extra === undefined ? [] : [`extra ${extra.toString('base64')}`]),
    `index ${index}`,
    ...path.map((hash) => hash.toString('base64')),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** Reads one; whether it convinces is another matter. Throws `bad-argument`. */
export function parseProof(text: string): TlogProof {
  const at = text.indexOf('\n\n');
  if (at < 0) throw bad('no empty line ends it');
  const [first, ...lines] = text.slice(0, at).split('\n');
  if (first !== FIRST) throw bad(`its first line is not ${FIRST}`);
  const extra = lines[0]?.startsWith('extra ')
    ? decoded(lines.shift()?.slice('extra '.length) ?? '')
    : undefined;
  const [, digits] = /^index (0|[1-9]\d*)$/.exec(lines.shift() ?? '') ?? [];
  const index = Number(digits);
  if (!Number.isSafeInteger(index)) throw bad('it has no index');
  if (lines.length > MAX_HASHES) throw bad('it has too many hashes');
  const path = lines.map(decoded);
  if (path.some((hash) => hash.length !== HASH_BYTES)) throw bad('a hash in it has not 32 bytes');
  return { extra, index, path, checkpoint: text.slice(at + 2) };
}

function decoded(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw bad('a line in it is not in base64');
  return bytes;
}

const bad = (why: string) => new AgentError('bad-argument', `This is no proof: ${why}.`);
