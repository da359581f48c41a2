// All methods that the agent serves, as `src/api/methods` has them; nothing is called, so no part is there.

import { readdirSync } from 'node:fs';
import type { Method } from '../../../../src/api/method.ts';

const FOLDER = new URL('../../../../src/api/methods/', import.meta.url);

/** By file: each exports one table, a function whose name ends in `Methods`; what else is there belongs to a table. */
export async function allMethods(): Promise<Method[]> {
  const tables = await Promise.all(
    readdirSync(FOLDER).map(async (file) => {
      const exported = (await import(new URL(file, FOLDER).href)) as Record<string, unknown>;
      return Object.entries(exported).filter(([name]) => name.endsWith('Methods'));
    }),
  );
  return tables.flat().flatMap(([, table]) => (table as (parts: object) => Method[])({}));
}

/** What a caller finds in the answer, or undefined where it does not fit its shape or says more than that names. */
export async function readAnswer(method: Method, reply: readonly unknown[]): Promise<unknown> {
  const [value] = reply;
  const answer = await method.answer();
  return answer.parse(method.isJson ? JSON.parse(String(value)) : value);
}
