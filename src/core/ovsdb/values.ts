// OVSDB's value notation (RFC 7047 §5.1) to and from plain data.

import { z } from 'zod';

/** An atom, or a named UUID of the same transaction. */
export type Atom = string | number | boolean | readonly ['uuid' | 'named-uuid', string];

const uuidSchema = z.tuple([z.literal('uuid'), z.string()]).transform(([, uuid]) => uuid);
const atomSchema = z.union([z.string(), z.number(), z.boolean(), uuidSchema]);

/** A column of type set (also `min 0 max 1`), always as a list of atoms; UUIDs as their text. */
export const setColumn = z
  .union([z.tuple([z.literal('set'), z.array(atomSchema)]).transform(([, atoms]) => atoms), atomSchema])
  .transform((value) => (Array.isArray(value) ? value : [value]));

/** A set of strings or UUIDs. */
export const stringsColumn = setColumn.pipe(z.array(z.string()));

/** A set of numbers. */
export const numbersColumn = setColumn.pipe(z.array(z.number()));

/** An optional atom: the empty set is `undefined`. */
export const optionalString = stringsColumn.transform((atoms) => atoms[0]);
export const optionalNumber = numbersColumn.transform((atoms) => atoms[0]);

/** A map of strings. */
export const mapColumn = z
  .tuple([z.literal('map'), z.array(z.tuple([z.string(), z.string()]))])
  .transform(([, pairs]) => Object.fromEntries(pairs));

/** A map from texts to numbers. */
export const mapNumbers = z
  .tuple([z.literal('map'), z.array(z.tuple([z.string(), z.number()]))])
  .transform(([, pairs]): Record<string, number | undefined> => Object.fromEntries(pairs));

/** `["map",…]` of a plain record. */
export function toMap(record: Readonly<Record<string, string>>): unknown {
  return ['map', Object.entries(record)];
}

/** `["set",…]` of atoms. */
export function toSet(atoms: readonly Atom[]): unknown {
  return ['set', atoms];
}

/** A reference to an existing row. */
export function uuidRef(uuid: string): readonly ['uuid', string] {
  return ['uuid', uuid];
}

/** A reference to a row that the same transaction inserts under `uuid-name`. */
export function namedRef(name: string): readonly ['named-uuid', string] {
  return ['named-uuid', name];
}
