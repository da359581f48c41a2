// What a block is: its fields, and the schema that a line from the file must fit.
import { z } from 'zod';
import type { Json } from '../lib/json.ts';
import { CATEGORIES, type Category, PRODUCERS, type Producer, producerOf } from './categories.ts';

/** A block's canonical text never exceeds this: C2SP tlog-tiles counts entry bytes in 16 bits. */
export const MAX_BLOCK_BYTES = 65_535;

/** `prev_hash` of the block at height 1. */
export const NO_HASH = '0'.repeat(64);

export type Block = {
  action: string;
  boot_id: string;
  category: Category;
  /** Height of the event or intent that led to this block. */
  cause: number | null;
  data: Json;
  /** 1 for the first block. */
  height: number;
  hostname: string;
  metadata: Record<string, string>;
  pid: number;
  prev_hash: string;
  producer: Producer;
  /** RFC 3339, UTC, milliseconds. */
  timestamp: string;
  user: string;
  version: 1;
};

/** A block together with the SHA-256 of its canonical bytes. */
export type HashedBlock = Block & { hash: string };

// No quote and no backslash can stand in these, so byte scanners may stop at the next quote.
export const ACTION = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
export const BOOT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const HASH = /^[0-9a-f]{64}$/;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const heightSchema = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

const blockSchema = z.strictObject({
  action: z.string().regex(ACTION),
  boot_id: z.string().regex(BOOT_ID),
  category: z.enum(CATEGORIES),
  cause: heightSchema.nullable(),
  data: z.custom<Json>((value) => value !== undefined),
  height: heightSchema,
  hostname: z.string().min(1).max(255),
  metadata: z.record(z.string(), z.string()),
  pid: z.number().int().min(0).max(0xffff_ffff),
  prev_hash: z.string().regex(HASH),
  producer: z.enum(PRODUCERS),
  timestamp: z.string().regex(TIMESTAMP).refine(isRealInstant, 'no such instant'),
  user: z.string().min(1).max(255),
  version: z.literal(1),
});

export const lineSchema = z.strictObject({
  block: blockSchema
    .refine((block) => block.producer === producerOf(block.category), 'producer does not fit the category')
    .refine((block) => block.cause === null || block.cause < block.height, 'cause is not an earlier block'),
  hash: z.string().regex(HASH),
});

function isRealInstant(text: string): boolean {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && new Date(ms).toISOString() === text;
}
