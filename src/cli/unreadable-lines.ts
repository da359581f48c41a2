// Lines of a ledger that are no blocks: the verbs that read blocks go on, and say at the end that there were some.

import type { Reading, Unreadable } from '../core/ledger/index.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** `reading` is for the readers of a ledger; `tell` says on stderr what they met, once. */
export function unreadableLines(path: string, { err }: Terminal): { reading: Reading; report(): void } {
  const met = new Map<string, Unreadable>();
  return {
    reading: { onUnreadable: (line) => void met.set(`${line.file ?? ''}:${line.offset}`, line) },
    report() {
      const [first] = [...met.values()].sort(byPlace);
      if (first === undefined) return;
      const lines = met.size === 1 ? 'One line' : `${met.size} lines`;
      const where = `byte ${first.offset}${first.file === undefined ? '' : ` of ${first.file}`}`;
      err(
        printable(
          `${lines} of ${path} cannot be read and ${met.size === 1 ? 'is' : 'are'} left out, the first at ${where}. See: ovs-port-agent ledger verify`,
        ),
      );
    },
  };
}

// Sealed segments come first, and their names sort by height.
function byPlace(a: Unreadable, b: Unreadable): number {
  if (a.file === b.file) return a.offset - b.offset;
  return a.file === undefined || (b.file !== undefined && a.file > b.file) ? 1 : -1;
}
