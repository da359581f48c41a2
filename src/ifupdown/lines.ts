// The lines of a file with their line ends, so that joining them gives the file again, byte for byte.

/** One line; `eol` is empty only for a last line that has no line end. */
export interface Line {
  readonly text: string;
  readonly eol: '' | '\n' | '\r\n';
}

/** A text without any line end more than it has: `joinLines(splitLines(text)) === text`. */
export function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  for (let from = 0; from < text.length; ) {
    const feed = text.indexOf('\n', from);
    if (feed < 0) {
      lines.push({ text: text.slice(from), eol: '' });
      break;
    }
    const carriage = feed > from && text[feed - 1] === '\r';
    lines.push({ text: text.slice(from, carriage ? feed - 1 : feed), eol: carriage ? '\r\n' : '\n' });
    from = feed + 1;
  }
  return lines;
}

export function joinLines(lines: readonly Line[]): string {
  return lines.map(({ text, eol }) => text + eol).join('');
}
