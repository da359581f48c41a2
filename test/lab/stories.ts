// Follows causes in the ledger: from what was done back to the event that led to it.
import { expect } from 'vitest';
import type { Block } from './agent-host.ts';

/** The block, the one that caused it, and so on. */
export function causesOf(blocks: readonly Block[], block: Block | undefined): Block[] {
  const story: Block[] = [];
  for (let at = block; at !== undefined; at = blocks.find(({ height }) => height === at?.cause)) {
    story.push(at);
  }
  return story;
}

/** Actions from the event to the last block about `port` with one of `actions`. */
export function storyOf(blocks: readonly Block[], port: string, ...actions: string[]): string[] {
  const last = blocks.findLast((block) => block.data.port === port && actions.includes(block.action));
  return causesOf(blocks, last)
    .map(({ action }) => action)
    .reverse();
}

/** Every intent has exactly one outcome, and every cause is an earlier block. */
export function expectWholeStories(blocks: readonly Block[]): void {
  const intents = blocks.filter(({ metadata }) => metadata.kind === 'intent');
  const outcomes = blocks.filter(({ metadata }) => metadata.kind === 'outcome');
  expect(outcomes.map(({ cause }) => cause).sort(byNumber)).toEqual(intents.map(({ height }) => height));
  expect(blocks.filter(({ cause, height }) => cause !== null && cause >= height)).toEqual([]);
}

const byNumber = (a: number | null, b: number | null) => Number(a) - Number(b);
