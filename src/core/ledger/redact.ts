// Takes secrets out of data that is about to be recorded: by the names of its keys, and by what a text looks like.

import { AgentError } from '../lib/errors.ts';
import type { Json } from '../lib/json.ts';
import { MAX_DEPTH } from './canonical.ts';
import { REDACTED, textRedactor } from './redact-text.ts';

export { REDACTED } from './redact-text.ts';

/** Anywhere in a key; a space stands for whatever joins two words: `api key` is also `api_key`, `apiKey`, `X-Api-Key`. */
export const SECRET_NAMES: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'credential',
  'authorization',
  'cookie',
  'api key',
  'access key',
  'private key',
  'preshared key',
  'pre shared key',
  'encryption key',
  'signing key',
];

/** Only as a whole word of a key: they are parts of too many words. */
export const SECRET_WORDS: readonly string[] = ['pass', 'pwd', 'psk', 'pin', 'otp', 'totp'];

/**
 * The same data without what is secret. Pure, and `redact(redact(x))` is `redact(x)`. `more`: names beside
 * `SECRET_NAMES`. Under a secret name all is replaced but null and booleans, which say nothing.
 * Throws `bad-argument` for data of more levels than a block can hold.
 */
export function redact(data: Json, more: readonly string[] = []): Json {
  return more.length === 0 ? OWN.value(data, 0) : redactor(more).value(data, 0);
}

interface Redactor {
  value(data: Json, level: number): Json;
}

function redactor(more: readonly string[]): Redactor {
  const names = [...SECRET_NAMES, ...more].filter((name) => squeezed(name) !== '');
  const squeezedNames = names.map(squeezed);
  const isSecret = (key: string) => {
    const letters = squeezed(key);
    return squeezedNames.some((name) => letters.includes(name)) || wordsOf(key).some(isSecretWord);
  };
  const text = textRedactor(names);

  function value(data: Json, level: number): Json {
    if (typeof data === 'string') return text(data);
    if (data === null || typeof data !== 'object') return data;
    if (level >= MAX_DEPTH)
      throw new AgentError('bad-argument', `Ledger data cannot hold more than ${MAX_DEPTH} levels.`);
    return Array.isArray(data) ? list(data, level + 1) : fields(data, level + 1);
  }

  // A program's arguments: `--password`, and the secret by itself behind it.
  function list(data: readonly Json[], level: number): Json[] {
    return data.map((each, i) => {
      const before = data[i - 1];
      const isOption = typeof before === 'string' && OPTION.test(before) && isSecret(before);
      return isOption ? hidden(each) : value(each, level);
    });
  }

  // A variable of an environment often is {name, value}.
  function fields(data: { [key: string]: Json }, level: number): Json {
    const named = ['name', 'key', 'variable'].some(
      (key) => typeof data[key] === 'string' && isSecret(data[key]),
    );
    const isHidden = (key: string) => isSecret(key) || (named && key === 'value');
    const entries = Object.entries(data).map(([key, each]): [string, Json] => [
      text(key),
      isHidden(key) ? hidden(each) : value(each, level),
    ]);
    // Two keys that are alike without their secrets: the later one is numbered, none is lost.
    const seen = new Map<string, number>();
    return Object.fromEntries(
      entries.map(([key, each]) => {
        const times = (seen.get(key) ?? 0) + 1;
        seen.set(key, times);
        return [times === 1 ? key : `${key} (${times})`, each];
      }),
    );
  }

  return { value };
}

const OPTION = /^--?[\w-]+$/;

function hidden(data: Json): Json {
  return data === null || typeof data === 'boolean' ? data : REDACTED;
}

function squeezed(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '');
}

function wordsOf(key: string): string[] {
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u);
}

function isSecretWord(word: string): boolean {
  return SECRET_WORDS.includes(word);
}

const OWN = redactor([]);
