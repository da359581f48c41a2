// What differs between two states of settings; pure.

import type { Json } from '../../core/lib/json.ts';

/** By key, as it is said in the ledger. */
export type Settings = Readonly<Record<string, Json>>;

export interface Change {
  key: string;
  /** Null where there was none. */
  from: Json;
  /** Null where there is none any more. */
  to: Json;
}

/** More than that are counted. */
const TOLD_MAX = 64;

/** In the order of the keys. */
export function difference(before: Settings, after: Settings): Change[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => {
    const [from, to] = [own(before, key), own(after, key)];
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ key, from, to }];
  });
}

/** As a block says it: the first of them, and how many more there are. */
export function told(changes: readonly Change[]): { changes: Change[]; more?: number } {
  const more = changes.length - TOLD_MAX;
  return { changes: changes.slice(0, TOLD_MAX), ...(more > 0 && { more }) };
}

const own = (settings: Settings, key: string): Json =>
  Object.hasOwn(settings, key) ? (settings[key] ?? null) : null;
