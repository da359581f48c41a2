// What a verb that searches the ledger does besides: progress, lines that are no blocks, and an index that was damaged.

import { updateIndex } from '../core/ledger/index-files/update.ts';
import type { Asking } from '../core/ledger/query/query.ts';
import { bytesProgress } from './progress.ts';
import { unreadableLines } from './unreadable-lines.ts';
import type { Context } from './verb.ts';

export interface Search {
  asking: Asking;
  /** Before the first answer. */
  answer(): void;
  /** After the last answer: says what was met on the way. */
  end(): Promise<void>;
}

/** `isOwn`: it is this host's own ledger, whose index root mends. */
export function startSearch(path: string, isOwn: boolean, { terminal, isRoot }: Context): Search {
  const unreadable = unreadableLines(path, terminal);
  const meter = bytesProgress(terminal, 'search');
  let isDamaged = false;
  return {
    asking: {
      ...unreadable.reading,
      mayBlock: true,
      onBytes: meter.add,
      onDamaged: () => {
        isDamaged = true;
      },
    },
    answer: meter.end,
    async end() {
      meter.end();
      unreadable.report();
      if (!isDamaged) return;
      const isMended =
        isOwn &&
        isRoot() &&
        (await updateIndex(path, { check: true }).then(
          () => true,
          () => false,
        ));
      terminal.err(
        `The index of ${path} was damaged and was not believed. ${isMended ? 'It is made anew.' : 'Make it anew: ovs-port-agent ledger index --check'}`,
      );
    },
  };
}
