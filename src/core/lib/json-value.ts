// Looks into ledger data, whose shape depends on the action; pure.

import type { Json, JsonObject } from './json.ts';

export function objectOf(data: Json): JsonObject {
  return data !== null && typeof data === 'object' && !Array.isArray(data) ? data : {};
}

/** The ports that a block names: one, or those that one transaction changed together. */
export function portsIn(data: JsonObject): string[] {
  const several = Array.isArray(data.ports) ? data.ports.map(objectOf) : [];
  return [data, ...several].flatMap((one) => textOf(one, 'port') ?? []);
}

/** The text under `key`; a number as text; else undefined. */
export function textOf(data: JsonObject, key: string): string | undefined {
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
