// Cuts a byte stream of JSON values without separators (RFC 7047 §4) into single values.

import { StringDecoder } from 'node:string_decoder';

const LIMIT_CHARS = 64 * 1024 * 1024;

/**
 * Returns a function to feed chunks to; it calls `onValue` for each complete top-level object.
 * Throws SyntaxError on bytes that cannot begin a value, and RangeError above 64 Mi characters.
 */
export function jsonStream(onValue: (value: unknown) => void): (chunk: Buffer) => void {
  const decoder = new StringDecoder('utf8');
  let text = '';
  let scanned = 0;
  let depth = 0;
  let inString = false;
  let escaped = false;

  return (chunk) => {
    text += decoder.write(chunk);
    let start = 0;
    for (; scanned < text.length; scanned++) {
      const char = text.charCodeAt(scanned);
      if (inString) {
        if (escaped) escaped = false;
        else if (char === 0x5c) escaped = true;
        else if (char === 0x22) inString = false;
      } else if (char === 0x22) inString = true;
      else if (char === 0x7b || char === 0x5b) depth++;
      else if (char === 0x7d || char === 0x5d) {
        depth--;
        if (depth < 0) throw new SyntaxError('unexpected closing bracket in the JSON stream');
        if (depth === 0) {
          onValue(JSON.parse(text.slice(start, scanned + 1)));
          start = scanned + 1;
        }
      } else if (depth === 0 && char > 0x20) throw new SyntaxError('text between JSON values');
    }
    text = text.slice(start);
    scanned -= start;
    if (text.length > LIMIT_CHARS) throw new RangeError('a JSON value is larger than 64 Mi characters');
  };
}
