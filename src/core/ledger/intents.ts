// Finds what was begun and never finished: intent blocks without an outcome.
import type { HashedBlock } from './block.ts';
import { readBackwards, readBlocks } from './read.ts';

/** The action of the block that an agent writes when it starts. */
export const AGENT_STARTED = 'agent_started';

/** Metadata for the `agent_started` block: what was open then. With it, the next search need not look further back. */
export function carryOver(open: readonly HashedBlock[]): { open_intents: string } {
  return { open_intents: open.map((intent) => intent.height).join(',') };
}

/**
 * Intents (`metadata.kind` = `intent`) that no outcome (`metadata.kind` = `outcome`, `cause` = the intent's height) has closed,
 * oldest first. Call it before this run's `agent_started` is written. The scan goes back to the latest `agent_started` that
 * names what was open then: an agent may have died right after it, before it settled those. One that names nothing is passed over.
 */
export async function openIntents(path: string): Promise<HashedBlock[]> {
  const settled = new Set<number>();
  const open: HashedBlock[] = [];
  let carried: number[] = [];
  for await (const block of readBackwards(path)) {
    const { kind, open_intents } = block.metadata;
    if (kind === 'outcome' && block.cause !== null) settled.add(block.cause);
    if (kind === 'intent' && !settled.has(block.height)) open.push(block);
    if (block.action === AGENT_STARTED && open_intents !== undefined) {
      carried = open_intents.split(',').filter(Boolean).map(Number);
      break;
    }
  }
  for (const height of carried.sort((a, b) => b - a)) {
    if (!settled.has(height))
      for await (const block of readBlocks(path, { from: height, to: height })) open.push(block);
  }
  return open.reverse();
}
