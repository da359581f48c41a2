// YAML 1.2 of plain records, by the part of it that is JSON: texts are quoted, so that none is read as something else; pure.

import { safeJson } from '../printable.ts';

/** A list of maps, a key a line; values that are lists or maps stand in JSON. */
export function yaml(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  if (records.length === 0) return ['[]'];
  return records.flatMap((record) => {
    const entries = Object.entries(record).filter(([, value]) => value !== undefined);
    if (entries.length === 0) return ['- {}'];
    return entries.map(([key, value], at) => `${at === 0 ? '- ' : '  '}${keyText(key)}: ${safeJson(value)}`);
  });
}

/** Plain where nothing can be read into it; `no` and `null` are words that YAML readers know. */
function keyText(key: string): string {
  return /^[a-z_]{1,64}$/.test(key) && !/^(?:null|true|false|yes|no|on|off|y|n)$/.test(key)
    ? key
    : safeJson(key);
}
