// Says which of the blocks that are asked for have no body any more.

import { lastDropped } from '../core/ledger/dropped.ts';
import { oldestHeight } from '../core/ledger/segments.ts';
import type { Terminal } from './terminal.ts';

/** On stderr, when the height `from` is below the oldest block that has one. */
export async function tellDropped(path: string, from: number, { err }: Pick<Terminal, 'err'>): Promise<void> {
  const oldest = await oldestHeight(path);
  if (oldest === undefined || from >= oldest) return;
  const dropped = await lastDropped(path);
  if (dropped === undefined || dropped.height < from) return;
  const last = oldest - 1;
  const which = last === 1 ? 'Block 1 has' : `The blocks 1 to ${last} have`;
  err(`${which} no body any more: dropped at ${dropped.at}, as keep_days and keep_mib said.`);
}
