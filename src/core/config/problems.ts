// What is wrong with a configuration, one sentence per key.
import type * as z from 'zod';
import { nearName } from '../lib/near-name.ts';
import { fileSchema } from './config.ts';
import { SEED_KEYS } from './seed-keys.ts';

/** Each sentence names the key as the file writes it and says what is accepted. */
export function configProblems(error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(issue.path, key));
    return [`${keyName(issue.path)}: ${issue.message}`];
  });
}

/** Where the wrong keys stand, each as the names of tables down to it; of a list the whole key. */
export function wrongKeys(error: z.ZodError): string[][] {
  return error.issues.flatMap((issue) => {
    const numeric = issue.path.findIndex((step) => typeof step === 'number');
    const path = issue.path.slice(0, numeric < 0 ? undefined : numeric).map(String);
    return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
  });
}

function unknownKey(path: readonly PropertyKey[], key: string): string {
  const accepted = acceptedKeys(path);
  const near = nearName(key, path.length === 0 ? [...accepted, ...SEED_KEYS] : accepted);
  const hint = near === undefined ? `accepted are ${accepted.join(', ')}` : `did you mean "${near}"?`;
  return `${keyName([...path, key])}: unknown key; ${hint}`;
}

/** The keys of the table at `path`; a table under `bridges` has any name. */
function acceptedKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = fileSchema;
  for (const step of path) {
    const table = tableOf(schema);
    if (table && 'shape' in table) schema = table.shape[String(step)];
    else if (table && 'valueType' in table) schema = table.valueType;
  }
  const table = tableOf(schema);
  return table && 'shape' in table ? Object.keys(table.shape) : [];
}

type Table = { shape: Record<string, unknown> } | { valueType: unknown };

/** Looks through defaults to the object or record schema within. */
function tableOf(schema: unknown): Table | undefined {
  const { def } = (schema ?? {}) as { def?: { innerType?: unknown; shape?: unknown; valueType?: unknown } };
  if (def?.innerType !== undefined) return tableOf(def.innerType);
  return def?.shape !== undefined || def?.valueType !== undefined ? (def as Table) : undefined;
}

function keyName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'file';
  const name = path.map((step) => (typeof step === 'number' ? `[${step}]` : bare(String(step)))).join('.');
  return name.replaceAll('.[', '[');
}

/** TOML's bare keys as they are, others quoted and short: a key may hold anything, line breaks too. */
export function bare(key: string): string {
  return /^[\w-]{1,60}$/.test(key) ? key : JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key);
}
