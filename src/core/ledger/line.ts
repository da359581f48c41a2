// One block as one line of the file, and back.
import { AgentError } from '../lib/errors.ts';
import { type Block, type HashedBlock, lineSchema, MAX_BLOCK_BYTES } from './block.ts';
import { canonicalString } from './canonical.ts';
import { sha256Hex } from './sha256.ts';

/** Bytes before the block in a line: `{"block":` */
export const HEAD_BYTES = 9;
/** Bytes after the block, newline not counted: `,"hash":"` + 64 hex + `"}` */
export const FOOT_BYTES = 75;
/** The longest line that can be valid, newline not counted. */
export const MAX_LINE_BYTES = HEAD_BYTES + MAX_BLOCK_BYTES + FOOT_BYTES;

/** A block whose place in the chain is still open; `data` and `metadata` are canonical text already. */
export type Draft = Omit<Block, 'data' | 'metadata' | 'height' | 'prev_hash' | 'version'> & {
  dataText: string;
  metadataText: string;
};

/** The canonical text of a block: what is hashed. A unit test holds it against `canonical()`. */
export function blockText(draft: Draft, height: number, prevHash: string): string {
  return (
    `{"action":${canonicalString(draft.action)},"boot_id":${canonicalString(draft.boot_id)},` +
    `"category":"${draft.category}","cause":${draft.cause},"data":${draft.dataText},"height":${height},` +
    `"hostname":${canonicalString(draft.hostname)},"metadata":${draft.metadataText},"pid":${draft.pid},` +
    `"prev_hash":"${prevHash}","producer":"${draft.producer}","timestamp":"${draft.timestamp}",` +
    `"user":${canonicalString(draft.user)},"version":1}`
  );
}

/** The line (with its newline) that holds the block text, and the block's hash. */
export function formatLine(text: string): { line: string; hash: string } {
  const hash = sha256Hex(text);
  return { line: `{"block":${text},"hash":"${hash}"}\n`, hash };
}

/**
 * Reads one line. Its shape is checked, its hash and its place in the chain are not (that is `verifyLedger`).
 * Throws `ledger-broken`.
 */
export function parseLine(text: string): HashedBlock {
  const line = lineSchema.safeParse(parseJson(text));
  if (line.success) return { ...line.data.block, hash: line.data.hash };
  throw new AgentError('ledger-broken', 'A line of the ledger is not a block.', { cause: line.error });
}

/** The block of a line, or undefined for what is none: too long, no JSON, or not the fields that a block has. */
export function readLine(bytes: Buffer): HashedBlock | undefined {
  if (bytes.length > MAX_LINE_BYTES) return undefined;
  try {
    return parseLine(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AgentError('ledger-broken', 'A line of the ledger is not JSON.', { cause });
  }
}
