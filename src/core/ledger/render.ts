// A block in the flat shape that D-Bus clients of the seed system know.
import type { Json } from '../lib/json.ts';
import type { HashedBlock } from './block.ts';

export type FlatBlock = {
  /** Seconds since the epoch. */
  timestamp: number;
  height: number;
  prev_hash: string;
  hash: string;
  producer: string;
  category: string;
  action: string;
  user: string;
  hostname: string;
  pid: number;
  data: Json;
  metadata: Record<string, string>;
  /** The covering checkpoint, once there are checkpoints. */
  signature: string | null;
};

export function renderFlat(block: HashedBlock): FlatBlock {
  const { height, prev_hash, hash, producer, category, action, user, hostname, pid, data, metadata } = block;
  const timestamp = Math.floor(Date.parse(block.timestamp) / 1000);
  return {
    timestamp,
    height,
    prev_hash,
    hash,
    producer,
    category,
    action,
    user,
    hostname,
    pid,
    data,
    metadata,
    signature: null,
  };
}
