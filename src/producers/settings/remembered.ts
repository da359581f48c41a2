// What settings were when they were last looked at: a file, so that what changes while no agent runs is recorded, too.

import { z } from 'zod';
import type { Json } from '../../core/lib/json.ts';
import type { StateKind } from '../../core/lib/state-file.ts';

const settings = z.record(z.string(), z.json() as z.ZodType<Json>);

export const seenSchema = z.strictObject({
  version: z.literal(1),
  /** By its keys; undefined until it was looked at. */
  config: settings.optional(),
  bridges: z.record(
    z.string(),
    z.strictObject({
      own: settings,
      ports: z.record(z.string(), z.strictObject({ name: z.string(), vlan: z.string() })),
    }),
  ),
});

export type Seen = z.infer<typeof seenSchema>;

export const SEEN_SETTINGS: StateKind<Seen> = {
  schema: seenSchema,
  empty: { version: 1, bridges: {} },
  contradiction: () => undefined,
};
