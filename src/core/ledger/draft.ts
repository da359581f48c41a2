// Turns what a caller wants recorded into a draft that fits into a block.
import { AgentError } from '../lib/errors.ts';
import type { Json } from '../lib/json.ts';
import { ACTION, BOOT_ID, MAX_BLOCK_BYTES, NO_HASH } from './block.ts';
import { canonical } from './canonical.ts';
import { type Category, isCategory, producerOf } from './categories.ts';
import { blockText, type Draft } from './line.ts';
import { sha256Hex } from './sha256.ts';

/** What a caller hands to `append`. */
export type Entry = {
  category: Category;
  action: string;
  data: Json;
  /** Height of the event or intent that led here; it must already be in the ledger. */
  cause?: number | null;
  metadata?: Record<string, string>;
  /** Who asked; default: the user the ledger was opened for. */
  user?: string;
  pid?: number;
};

declare const DECLARED: unique symbol;

/** An entry that a producer declares; `entryOf` of `producer.ts` makes it. */
export type DeclaredEntry = Entry & { readonly [DECLARED]: true };

/** What is the same in every block of one process. */
export type Origin = { hostname: string; bootId: string; pid: number; user: string };

/** Serialises at once, so that later changes to `entry` cannot reach the file. Throws `bad-argument`. */
export function makeDraft(entry: Entry, origin: Origin, headHeight: number, nowMs: number): Draft {
  const { category, action, cause = null, metadata = {}, user = origin.user, pid = origin.pid } = entry;
  demand(isCategory(category), `There is no ledger category ${JSON.stringify(category)}.`);
  demand(
    ACTION.test(action),
    `${JSON.stringify(action)} cannot be a ledger action: letters, digits and _ . : - only.`,
  );
  demand(isText(user), 'The user of a block must have 1 to 255 characters.');
  demand(Number.isInteger(pid) && pid >= 0 && pid <= 0xffff_ffff, `${pid} is not a process id.`);
  demand(isCause(cause, headHeight), `There is no block ${cause} that could be a cause.`);
  for (const value of Object.values(metadata))
    demand(typeof value === 'string', 'Metadata values must be strings.');
  const draft: Draft = {
    action,
    boot_id: origin.bootId,
    category,
    cause,
    dataText: canonical(entry.data),
    hostname: origin.hostname,
    metadataText: canonical(metadata),
    pid,
    producer: producerOf(category),
    timestamp: new Date(nowMs).toISOString(),
    user,
  };
  if (isTooBig(draft)) draft.dataText = summary(draft.dataText);
  demand(!isTooBig(draft), `The metadata of ${action} is too big for a block.`);
  return draft;
}

/** Throws `bad-argument`. */
export function checkOrigin(origin: Origin): void {
  demand(isText(origin.hostname), 'The host name for the ledger must have 1 to 255 characters.');
  demand(BOOT_ID.test(origin.bootId), `${JSON.stringify(origin.bootId)} is not a boot id.`);
}

// An event that is too big to keep still happened: its size and digest stay.
function summary(dataText: string): string {
  return canonical({ truncated: true, bytes: Buffer.byteLength(dataText), sha256: sha256Hex(dataText) });
}

function isTooBig(draft: Draft): boolean {
  const length = draft.dataText.length + draft.metadataText.length;
  // No character takes more than 3 bytes of UTF-8 per UTF-16 unit; the rest of a block stays far below 8 KiB.
  if (length * 3 < MAX_BLOCK_BYTES - 8192) return false;
  return Buffer.byteLength(blockText(draft, Number.MAX_SAFE_INTEGER, NO_HASH)) > MAX_BLOCK_BYTES;
}

function isCause(cause: number | null, headHeight: number): boolean {
  return cause === null || (Number.isInteger(cause) && cause >= 1 && cause <= headHeight);
}

function isText(value: string): boolean {
  return typeof value === 'string' && value.length >= 1 && value.length <= 255;
}

function demand(condition: boolean, message: string): void {
  if (!condition) throw new AgentError('bad-argument', message);
}
