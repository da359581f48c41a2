// Which value each key has in force, and where it comes from: the file, another key, or the default; pure.

import type { Config } from './config.ts';
import { bare } from './problems.ts';
import { RENAMED } from './seed-keys.ts';

export type Plain = string | number | boolean | readonly unknown[];

export interface EffectiveKey {
  /** As the file writes it, with its tables: `netmaker.pools`. */
  key: string;
  value: Plain;
  /** `file`; `file, as bridge_name` for a key of the first version; `default`; `default: as docker.bridge`. */
  from: string;
}

/** Keys whose default is another key's value. */
const FOLLOWS: Readonly<Record<string, string>> = {
  'lxc.bridge': 'default_bridge',
  'netmaker.bridge': 'docker.bridge',
};

/** `file` is the parsed file as it was written, before keys of the first version were renamed. */
export function effectiveKeys(config: Config, file: Readonly<Record<string, unknown>>): EffectiveKey[] {
  return flat(config).map(([path, value]) => {
    const key = path.map(bare).join('.');
    return { key, value, from: originOf(path.join('.'), path, file) };
  });
}

/** Keys of two configurations whose values differ, with both. */
export function changedKeys(
  before: Config,
  after: Config,
): { path: readonly string[]; key: string; from: Plain | undefined; to: Plain | undefined }[] {
  const [old, next] = [new Map(), new Map()] as [Map<string, Entry>, Map<string, Entry>];
  for (const entry of flat(before)) old.set(JSON.stringify(entry[0]), entry);
  for (const entry of flat(after)) next.set(JSON.stringify(entry[0]), entry);
  return [...new Set([...old.keys(), ...next.keys()])].flatMap((id) => {
    const [from, to] = [old.get(id)?.[1], next.get(id)?.[1]];
    if (JSON.stringify(from) === JSON.stringify(to)) return [];
    const path = (old.get(id) ?? next.get(id))?.[0] ?? [];
    return [{ path, key: path.map(bare).join('.'), from, to }];
  });
}

type Entry = readonly [path: readonly string[], value: Plain];

function flat(value: object, path: readonly string[] = []): Entry[] {
  return Object.entries(value).flatMap(([key, inner]): Entry[] =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? flat(inner as object, [...path, key])
      : [[[...path, key], inner as Plain]],
  );
}

function originOf(name: string, path: readonly string[], file: Readonly<Record<string, unknown>>): string {
  if (isIn(file, path)) return 'file';
  const seed = Object.entries(RENAMED).find(([key, now]) => now === name && Object.hasOwn(file, key));
  if (seed) return `file, as ${seed[0]}`;
  const follows = FOLLOWS[name];
  return follows === undefined ? 'default' : `default: as ${follows}`;
}

function isIn(file: unknown, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  if (typeof file !== 'object' || file === null || !Object.hasOwn(file, first)) return false;
  return isIn((file as Record<string, unknown>)[first], rest);
}
