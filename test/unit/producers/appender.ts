// A ledger in memory, for what producers say.

import type { Entry } from '../../../src/core/ledger/draft.ts';
import type { Appender } from '../../../src/producers/redacted.ts';

export interface MemoryBook extends Appender {
  readonly entries: Entry[];
  /** Whether the disk refuses. */
  fails: boolean;
}

export function appender(): MemoryBook {
  const entries: Entry[] = [];
  return {
    entries,
    fails: false,
    async append(entry) {
      if (this.fails) throw new Error('the disk is full');
      entries.push(entry);
      return { height: entries.length, hash: 'h'.repeat(64) } as never;
    },
  };
}
