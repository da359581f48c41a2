// What `Reload` answers.

import { z } from 'zod';

const value = z.unknown();
const changesSchema = z.array(z.looseObject({ key: z.string(), from: value, to: value }));

export const reloadSchema = z.looseObject({
  /** In force from now on. */
  taken: changesSchema,
  /** Waits for a restart. */
  restart: changesSchema,
  warnings: z.array(z.string()).default([]),
});
