// Takes secrets out of a text: by the names that stand before them, also in JSON that is a part of it, and by what they look like.

/** What stands in the place of a secret. */
export const REDACTED = '[redacted]';

// Each has bounds or ends at what it cannot begin with, so that no text takes more than linear time.
const PRIVATE_KEY =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:(?!-----END )[\s\S])*(?:-----END [A-Z0-9 ]{0,40}-----)?/g;
/** The Go checksum database's form of a signer's key. */
const SIGNER_KEY = /PRIVATE\+KEY\+[^\s"']+/g;
const IN_URL = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"']{0,256}):[^\s/@"']+@/gi;
const BEARER = /\b(bearer|basic) +[\w+/=.~-]{16,}/gi;
/** A JSON web token. */
const WEB_TOKEN = /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;

/** For one list of names, as `SECRET_NAMES` has them. */
export function textRedactor(names: readonly string[]): (text: string) => string {
  const either = names
    .map((name) =>
      name
        .split(/[^\p{L}\p{N}]+/u)
        .filter(Boolean)
        .join('[ _.-]?'),
    )
    .join('|');
  // A key in quotes may have blanks in it; outside of quotes that would be a sentence.
  const key = String.raw`(?:${either})(?:[^"'\\:=\n]{0,64}\\{0,7}["']|[\w-]{0,32})\s{0,4}[:=]\s{0,4}`;
  const before = new RegExp(`${key}(?=[[{]|\\\\{0,7}["'])`, 'giu');
  const said = new RegExp(`(${key})(?:(?:bearer|basic) +)?[^\\s,;&"'{}]+`, 'giu');
  return (text) =>
    withoutQuoted(text, before)
      .replace(PRIVATE_KEY, REDACTED)
      .replace(SIGNER_KEY, REDACTED)
      .replace(IN_URL, `$1:${REDACTED}@`)
      .replace(BEARER, `$1 ${REDACTED}`)
      .replace(WEB_TOKEN, REDACTED)
      .replace(said, `$1${REDACTED}`);
}

/** `before` ends where a list, an object or something in quotes begins. */
function withoutQuoted(text: string, before: RegExp): string {
  let kept = '';
  let from = 0;
  before.lastIndex = 0;
  for (let found = before.exec(text); found !== null; found = before.exec(text)) {
    kept += text.slice(from, before.lastIndex) + REDACTED;
    from = valueEnd(text, before.lastIndex);
    before.lastIndex = from;
  }
  return kept + text.slice(from);
}

/** Behind the bracket or quote that ends what begins at `start`; the end of the text where none does. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  let quote = '';
  // Backslashes before the quotes of this level: JSON in a text in JSON has one, in one more three, and so on.
  let level = 0;
  let slashes = 0;
  for (let at = start; at < text.length; at++) {
    const letter = text[at] as string;
    if (quote === '') {
      if (letter === '"' || letter === "'") {
        quote = letter;
        level = slashes;
      } else if (letter === '[' || letter === '{') depth += 1;
      else if ((letter === ']' || letter === '}') && --depth === 0) return at + 1;
    } else if (letter === quote) {
      // That of the text around it: this one was cut short.
      if (slashes < level) return at - slashes;
      if (((slashes - level) / (level + 1)) % 2 === 0) {
        quote = '';
        if (depth === 0) return at + 1;
      }
    }
    slashes = letter === '\\' ? slashes + 1 : 0;
  }
  return text.length;
}
