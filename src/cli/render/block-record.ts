// A block as a row of a table for other programs; pure.

import type { HashedBlock } from '../../core/ledger/index.ts';
import { objectOf, portsIn, textOf } from '../../core/lib/json-value.ts';
import { safeJson } from '../printable.ts';

/** What people sort and count by comes first; all of a block is in it. */
export const BLOCK_COLUMNS = [
  'height',
  'timestamp',
  'category',
  'action',
  'user',
  'pid',
  'port',
  'vmid',
  'guest',
  'bridge',
  'cause',
  'producer',
  'hostname',
  'boot_id',
  'data',
  'metadata',
  'prev_hash',
  'hash',
] as const;

export function blockRecord(block: HashedBlock): Record<(typeof BLOCK_COLUMNS)[number], unknown> {
  const { data } = block;
  const reported = objectOf(data);
  return {
    ...block,
    port: portsIn(reported).join(' '),
    vmid: textOf(reported, 'vmid'),
    guest: textOf(reported, 'guest') ?? textOf(reported, 'name'),
    bridge: textOf(reported, 'bridge'),
    data: safeJson(data),
    metadata: safeJson(block.metadata),
  };
}
