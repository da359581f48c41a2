// A file under work: lines are taken out and put in, all others stay the objects they were.

import { joinLines, type Line, splitLines } from './lines.ts';
import { isBlank } from './stanzas.ts';

export interface Draft {
  readonly original: readonly Line[];
  readonly lines: readonly Line[];
  /** Puts a line behind another one. */
  insertAfter(line: Line, text: string): void;
  /** Puts lines at the end, parted by one blank line from what is there. */
  append(texts: readonly string[]): void;
  remove(line: Line): void;
  /** Takes out lines that follow each other, and with them the one blank line that `append` put beside them. */
  removeBlock(lines: readonly Line[]): void;
  text(): string;
}

export function openDraft(text: string): Draft {
  const original = splitLines(text);
  const lines = [...original];
  // Line ends as the file has them; a file of several kinds gets the kind of its first line.
  const eol = original[0]?.eol || '\n';
  const openEnd = original.at(-1)?.eol === '';
  const fresh = (content: string): Line => ({ text: content, eol });

  const remove = (line: Line) => {
    const at = lines.indexOf(line);
    if (at >= 0) lines.splice(at, 1);
  };
  return {
    original,
    lines,
    insertAfter: (line, content) => void lines.splice(lines.indexOf(line) + 1, 0, fresh(content)),
    append(texts) {
      const last = lines.at(-1);
      // A file that Proxmox wrote ends with a blank line. Where one goes behind, `removeBlock` finds that one first.
      const parted = last !== undefined && last.eol !== '' && isBlank(last);
      const before = last === undefined || parted ? [] : [''];
      lines.push(...[...before, ...texts, ...(parted ? [''] : [])].map(fresh));
    },
    remove,
    removeBlock(block) {
      const at = lines.indexOf(block[0] as Line);
      lines.splice(at, block.length);
      if (lines[at]?.text === '') lines.splice(at, 1);
      else if (lines[at - 1]?.text === '') lines.splice(at - 1, 1);
    },
    // A file without a line end after its last line stays one, whichever line that is now. A line that got an end
    // only now must be cut off again at the same place, also behind a lone carriage return.
    text: () =>
      joinLines(
        lines.map(({ text: content, eol: end }, at) => ({
          text: content,
          eol:
            at === lines.length - 1 && openEnd && content !== ''
              ? ''
              : end || (content.endsWith('\r') ? '\r\n' : eol),
        })),
      ),
  };
}
