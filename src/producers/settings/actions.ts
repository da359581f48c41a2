// What the ledger says of settings: which changed, from what to what, and by whom as far as that can be known.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../../core/ledger/producer.ts';
import type { Json } from '../../core/lib/json.ts';
import { whoSchema } from '../users/who.ts';

const text = z.string();
const value = z.json() as z.ZodType<Json>;
const changes = z.array(z.strictObject({ key: text, from: value, to: value }));
/** `start`: it was found when the agent started, and may be older. */
const found = z.enum(['start', 'running']);
const more = z.number().optional();

export const SETTINGS = {
  name: 'settings',
  categories: ['config', 'parameter'],
  actions: {
    ...actionsOf('config', {
      config_changed: z.strictObject({
        changes,
        more,
        found: z.enum(['start', 'reload']),
        /** The file as it was read; null when there is none. */
        file: z
          .strictObject({ path: text, modified: text, owner: text, mode: text, sha256: text })
          .nullable(),
        /** Who asked for the reload. That is not always who changed the file. */
        asked_by: whoSchema.optional(),
      }),
    }),
    ...actionsOf('parameter', {
      bridge_settings_changed: z.strictObject({
        bridge: text,
        changes,
        more,
        found,
        /** Open vSwitch's database does not tell. */
        changed_by: z.literal('unknown'),
        /** Changes that came too fast to be told one by one; `changes` has where they led. */
        left_out: z.number().optional(),
      }),
    }),
  },
} satisfies LedgerProducer;
