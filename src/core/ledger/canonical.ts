// Canonical JSON text: RFC 8785, narrowed to the values that every reader understands alike.
import { AgentError } from '../lib/errors.ts';
import type { Json } from '../lib/json.ts';

/** Deeper data is refused, so that no reader of the file runs out of stack. */
export const MAX_DEPTH = 64;

/**
 * The one text that stands for `value`. Keys in UTF-16 code unit order (RFC 8785 §3.2.3).
 * Throws `bad-argument` for what JSON readers disagree about: undefined, BigInt, NaN, infinities, integers beyond ±(2^53−1),
 * -0 (erratum 7920), lone surrogates, objects that are not plain data, more than `levels` levels.
 */
export function canonical(value: Json, levels = MAX_DEPTH): string {
  return write(value, levels);
}

// A string builder, never a sorted copy: assigning the key "__proto__" to a fresh object would drop it.
function write(value: unknown, levels: number): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'number') return canonicalNumber(value);
  if (value === null) return 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value !== 'object') throw refuse(`a value of type ${typeof value}`);
  if (levels <= 0) throw refuse(`more than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return writeArray(value, levels - 1);
  return writeObject(value as Record<string, unknown>, levels - 1);
}

function writeArray(values: readonly unknown[], levels: number): string {
  let text = '[';
  for (let i = 0; i < values.length; i++) text += (i === 0 ? '' : ',') + write(values[i], levels);
  return `${text}]`;
}

function writeObject(value: Record<string, unknown>, levels: number): string {
  const prototype = Object.getPrototypeOf(value);
  // Prototypes of other realms count as plain; a Date or a Map would silently become {}.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw refuse('an object of a class');
  let text = '{';
  for (const key of Object.keys(value).sort()) {
    text += `${text === '{' ? '' : ','}${canonicalString(key)}:${write(value[key], levels)}`;
  }
  return `${text}}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const NEEDS_CARE = /["\\\u0000-\u001f\ud800-\udfff]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

export function canonicalString(value: string): string {
  if (!NEEDS_CARE.test(value)) return `"${value}"`;
  if (LONE_SURROGATE.test(value)) throw refuse('a string with a lone surrogate');
  // ECMAScript's escapes are those of RFC 8785 §3.2.2.2.
  return JSON.stringify(value);
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw refuse('a number that is not finite');
  if (Object.is(value, -0)) throw refuse('negative zero');
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw refuse(`the integer ${value}, beyond 2^53`);
  // RFC 8785 §3.2.2.3 is ECMAScript's own number format.
  return String(value);
}

function refuse(what: string): AgentError {
  return new AgentError('bad-argument', `Ledger data cannot hold ${what}.`);
}
