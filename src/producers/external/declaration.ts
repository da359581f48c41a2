// The first line of a producer: its name, its categories, its actions, and what the data of each looks like; pure.

import { z } from 'zod';
import type { Category } from '../../core/ledger/categories.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { type DataSchema, dataSchema } from './data-schema.ts';

export interface Declaration {
  producer: string;
  categories: Category[];
  actions: ReadonlyMap<string, { category: Category; data: DataSchema }>;
}

/** Of a producer, and of the file that it is. */
export const PRODUCER_NAME = /^[a-z][a-z0-9_-]{0,30}$/;
const ACTION_NAME = /^[a-z][a-z0-9_]{0,63}$/;

const ACTIONS_MAX = 64;

const lineSchema = z.strictObject({
  producer: z.string().regex(PRODUCER_NAME),
  categories: z.array(z.string()).min(1).max(16),
  actions: z.record(
    z.string().regex(ACTION_NAME, 'must be a name of lower-case letters, digits and _'),
    z.strictObject({ category: z.string().optional(), data: z.unknown() }),
  ),
});

/**
 * @param name of the file, which is the producer's name, so that no two are one
 * @param open categories that no producer of the agent writes in
 * Throws `bad-argument` with what is wrong.
 */
export function parseDeclaration(json: unknown, name: string, open: readonly Category[]): Declaration {
  const read = lineSchema.safeParse(json);
  if (!read.success) throw bad(problemIn(read.error));
  const { producer, categories, actions } = read.data;
  if (producer !== name) throw bad(`producer must be ${JSON.stringify(name)}, as its file is called`);
  const isOpen = (category: string): category is Category => open.some((each) => each === category);
  const closed = categories.find((category) => !isOpen(category));
  if (closed !== undefined)
    throw bad(`the category ${JSON.stringify(closed)} is not open to producers: ${open.join(', ')}`);
  const all = Object.entries(actions);
  if (all.length === 0 || all.length > ACTIONS_MAX) throw bad(`actions must be 1 to ${ACTIONS_MAX}`);
  const shapes = all.map(([action, { category = categories[0] ?? '', data }]) => {
    if (!categories.includes(category) || !isOpen(category))
      throw bad(`the category of the action ${action} is none of its categories`);
    return [action, { category, data: parseData(action, data) }] as const;
  });
  return { producer, categories: categories.filter(isOpen), actions: new Map(shapes) };
}

function parseData(action: string, data: unknown): DataSchema {
  const read = dataSchema.safeParse(data);
  if (!read.success) throw bad(`the data of ${action}: ${problemIn(read.error)}`);
  return read.data;
}

function problemIn(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'it'}: ${issue?.message ?? ''}`;
}

const bad = (what: string) => new AgentError('bad-argument', `The declaration is not taken: ${what}`);
