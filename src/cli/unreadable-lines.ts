// Lines of a ledger that are no blocks: the verbs that read blocks go on, and say at the end that there were some.

import type { Reading, Unreadable } from '../core/ledger/index.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** `reading` is for the readers of a ledger; `tell` says on stderr what they met, once. */
export function unreadableLines(path: string, { err }: Terminal): { reading: Reading; report(): void } {
  const met = new Map<number, Unreadable>();
  return {
    reading: { onUnreadable: (line) => void met.set(line.offset, line) },
    report() {
      const [first] = [...met.keys()].sort((a, b) => a - b);
      if (first === undefined) return;
      const lines = met.size === 1 ? 'One line' : `${met.size} lines`;
      err(
        printable(
          `${lines} of ${path} cannot be read and ${met.size === 1 ? 'is' : 'are'} left out, the first at byte ${first}. See: ovs-port-agent ledger verify`,
        ),
      );
    },
  };
}
