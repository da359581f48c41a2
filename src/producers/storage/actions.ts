// What the ledger says of storage: what is mounted where files that matter lie, and how full it is.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../../core/ledger/producer.ts';

const text = z.string();
const mount = z.strictObject({ at: text, source: text, type: text, access: z.enum(['rw', 'ro']) });
const fill = {
  at: text,
  paths: z.array(text),
  used_percent: z.number(),
  free_bytes: z.number(),
  size_bytes: z.number(),
};

export const STORAGE = {
  name: 'storage',
  categories: ['mount', 'storage'],
  actions: {
    ...actionsOf('mount', {
      mount_changed: z.strictObject({
        path: text,
        from: mount,
        to: mount,
        /** `start`: it was found when the agent started, and may be older. */
        found: z.enum(['start', 'running']),
        /** Changes that came too fast to be told one by one. */
        left_out: z.number().optional(),
      }),
    }),
    ...actionsOf('storage', {
      storage_filling: z.strictObject({ ...fill, level: z.number() }),
      storage_relieved: z.strictObject({ ...fill, level: z.number() }),
    }),
  },
} satisfies LedgerProducer;
