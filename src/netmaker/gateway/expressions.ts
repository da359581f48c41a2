// The words of nftables that our rules are made of (libnftables-json(5)).

import type { GatewayCounters } from './spec.ts';

export type Family = 4 | 6;
export const FAMILIES: readonly Family[] = [4, 6];

/** Counter objects in the table, by the name that a reader knows them under. */
export const COUNTERS: Readonly<Record<keyof GatewayCounters, string>> = {
  refused: 'refused',
  refusedByHost: 'refused_by_host',
  spoofed: 'spoofed',
};

export interface NamedSet {
  name: string;
  type: string | readonly string[];
  map?: string;
  flags?: readonly string[];
  'auto-merge'?: boolean;
  elem: readonly unknown[];
}

export const ip = (family: Family) => (family === 4 ? 'ip' : 'ip6');
export const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
export const meta = (key: string) => ({ meta: { key } });
export const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
export const source = (family: Family) => payload(ip(family), 'saddr');
export const target = (family: Family) => payload(ip(family), 'daddr');
export const count = (counter: keyof GatewayCounters) => ({ counter: COUNTERS[counter] });
export const ACCEPT = { accept: null };
export const DROP = { drop: null };

/** nft refuses an element that is given twice. */
export function unique<T>(elements: readonly T[]): T[] {
  return [...new Map(elements.map((element) => [JSON.stringify(element), element])).values()];
}
