// Makes text that came from outside safe for a terminal: nothing in it can move the cursor, hide or reorder.

/** Control and format characters (bidirectional overrides, zero width), lone surrogates, line and paragraph separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** The text with every such character as `\x1b` or `\u{202e}`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code <= 0xff ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
  });
}

/** JSON text of the same value, whose strings keep a terminal safe; `indent` as for `JSON.stringify`. */
export function safeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) ?? 'null';
  return text.replace(UNSAFE, (characters) =>
    // The line ends of an indented document are JSON's own; inside strings they are escaped already.
    characters === '\n' ? characters : utf16Escapes(characters),
  );
}

function utf16Escapes(characters: string): string {
  let escaped = '';
  for (let at = 0; at < characters.length; at++) {
    escaped += `\\u${characters.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}
