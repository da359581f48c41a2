// The part of JSON Schema by which a producer says what its data looks like; pure. No patterns: those can be made to run for ever.

import { z } from 'zod';
import type { Json } from '../../core/lib/json.ts';

const number = z.number();
const size = z.int().min(0);
const kind = z.enum(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

export interface DataSchema {
  type?: z.infer<typeof kind> | z.infer<typeof kind>[];
  enum?: Json[];
  const?: Json;
  properties?: Record<string, DataSchema>;
  required?: string[];
  additionalProperties?: boolean;
  items?: DataSchema;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  title?: string;
  description?: string;
}

/** A word that is not understood is refused: it would be a promise that nobody keeps. */
export const dataSchema: z.ZodType<DataSchema> = z.lazy(() =>
  z.strictObject({
    type: z.union([kind, z.array(kind).min(1).max(7)]).optional(),
    enum: z
      .array(z.json() as z.ZodType<Json>)
      .min(1)
      .max(256)
      .optional(),
    const: (z.json() as z.ZodType<Json>).optional(),
    properties: z.record(z.string(), dataSchema).optional(),
    required: z.array(z.string()).max(256).optional(),
    additionalProperties: z.boolean().optional(),
    items: dataSchema.optional(),
    maxItems: size.optional(),
    minLength: size.optional(),
    maxLength: size.optional(),
    minimum: number.optional(),
    maximum: number.optional(),
    title: z.string().optional(),
    description: z.string().optional(),
  }),
) as z.ZodType<DataSchema>;

/**
 * What is wrong with `data`, as `data.a.b must be …`; undefined when it is as `schema` says. Keywords mean what JSON Schema
 * 2020-12 says, but a key that `properties` does not name is only taken with `additionalProperties: true`.
 */
export function dataProblem(data: Json, schema: DataSchema, at = 'data'): string | undefined {
  return (
    kindProblem(data, schema, at) ??
    valueProblem(data, schema, at) ??
    (Array.isArray(data) ? itemsProblem(data, schema, at) : undefined) ??
    (isRecord(data) ? fieldsProblem(data, schema, at) : undefined)
  );
}

function kindProblem(data: Json, { type }: DataSchema, at: string): string | undefined {
  if (type === undefined) return undefined;
  const kinds = Array.isArray(type) ? type : [type];
  const own = kindOf(data);
  const fits = kinds.some((each) => each === own || (each === 'number' && own === 'integer'));
  return fits ? undefined : `${at} must be of type ${kinds.join(' or ')}`;
}

function valueProblem(data: Json, schema: DataSchema, at: string): string | undefined {
  const { minLength = 0, maxLength = Infinity, minimum = -Infinity, maximum = Infinity } = schema;
  if (schema.enum?.every((each) => !isSame(each, data))) return `${at} must be one of its enum`;
  if (schema.const !== undefined && !isSame(schema.const, data)) return `${at} must be its const`;
  if (typeof data === 'number' && (data < minimum || data > maximum))
    return `${at} must be from ${minimum} to ${maximum}`;
  if (typeof data !== 'string') return undefined;
  // JSON Schema counts characters, not units of UTF-16.
  const length = [...data].length;
  return length < minLength || length > maxLength
    ? `${at} must have ${minLength} to ${maxLength} characters`
    : undefined;
}

function itemsProblem(
  data: readonly Json[],
  { items, maxItems }: DataSchema,
  at: string,
): string | undefined {
  if (maxItems !== undefined && data.length > maxItems) return `${at} must have at most ${maxItems} items`;
  if (items === undefined) return undefined;
  for (const [i, item] of data.entries()) {
    const problem = dataProblem(item, items, `${at}[${i}]`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function fieldsProblem(data: Record<string, Json>, schema: DataSchema, at: string): string | undefined {
  const { properties = {}, required = [], additionalProperties = false } = schema;
  const missing = required.find((key) => !Object.hasOwn(data, key));
  if (missing !== undefined) return `${at} must have ${JSON.stringify(missing)}`;
  for (const [key, value] of Object.entries(data)) {
    const field = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (field === undefined && !additionalProperties) return `${at} must not have ${JSON.stringify(key)}`;
    const problem = field && dataProblem(value, field, `${at}.${key}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function kindOf(data: Json): string {
  if (data === null) return 'null';
  if (Array.isArray(data)) return 'array';
  if (typeof data === 'number') return Number.isInteger(data) ? 'integer' : 'number';
  return typeof data;
}

const isRecord = (data: Json): data is Record<string, Json> => kindOf(data) === 'object';

function isSame(a: Json, b: Json): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((each, i) => isSame(each, b[i] as Json));
  if (isRecord(a) && isRecord(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && isSame(a[key] as Json, b[key] as Json))
    );
  }
  return a === b;
}
