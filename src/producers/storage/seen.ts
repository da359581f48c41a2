// What storage was when it was last looked at: a file, so that what changes while no agent runs is recorded, too.

import { z } from 'zod';
import type { StateKind } from '../../core/lib/state-file.ts';

const seenSchema = z.strictObject({
  version: z.literal(1),
  /** By path. */
  mounts: z.record(
    z.string(),
    z.strictObject({ at: z.string(), source: z.string(), type: z.string(), access: z.enum(['rw', 'ro']) }),
  ),
  /** By mount point. */
  levels: z.record(z.string(), z.number()),
});

export type SeenStorage = z.infer<typeof seenSchema>;

export const SEEN_STORAGE: StateKind<SeenStorage> = {
  schema: seenSchema,
  empty: { version: 1, mounts: {}, levels: {} },
  contradiction: () => undefined,
};
