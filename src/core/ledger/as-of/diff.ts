// What is different between two states of the host; pure.
import type { Json } from '../../lib/json.ts';
import { canonical } from '../canonical.ts';
import { type StateThen, stateJson } from './state.ts';

export type Difference = {
  what: 'agent' | 'bridge' | 'port' | 'lease' | 'gateway';
  name: string;
  /** Undefined: it was not there. */
  before?: Record<string, Json>;
  /** Undefined: it is there no more. */
  after?: Record<string, Json>;
  /** Where both are there: the fields that differ. */
  fields: string[];
};

const KINDS = [
  ['bridge', 'bridges', 'bridge'],
  ['port', 'ports', 'port'],
  ['lease', 'leases', 'address'],
  ['gateway', 'gateways', 'bridge'],
] as const;

/** In the order agent, bridges, ports, leases, gateways, and by name. Since when something is so is no difference. */
export function differences(before: StateThen, after: StateThen): Difference[] {
  const [one, other] = [stateJson(before), stateJson(after)];
  const agents = difference('agent', 'agent', asRecord(one.agent), asRecord(other.agent));
  const found = KINDS.flatMap(([what, list, key]) => {
    const [was, is] = [byKey(one[list], key), byKey(other[list], key)];
    const names = [...new Set([...was.keys(), ...is.keys()])].sort();
    return names.flatMap((name) => difference(what, name, was.get(name), is.get(name)));
  });
  return [...agents, ...found];
}

type Fields = Record<string, Json>;

const asRecord = (value: object | null): Fields | undefined => (value === null ? undefined : { ...value });

function byKey(list: readonly object[], key: string): Map<string, Fields> {
  return new Map(list.map((one) => [String({ ...one }[key as never]), { ...one } as Fields]));
}

function difference(
  what: Difference['what'],
  name: string,
  before: Fields | undefined,
  after: Fields | undefined,
): Difference[] {
  if (before === undefined || after === undefined) {
    if (before === after) return [];
    return [{ what, name, ...(before && { before }), ...(after && { after }), fields: [] }];
  }
  const fields = Object.keys(after).filter(
    (key) =>
      !['since', 'at'].includes(key) && canonical(before[key] ?? null) !== canonical(after[key] ?? null),
  );
  return fields.length === 0 ? [] : [{ what, name, before, after, fields }];
}
