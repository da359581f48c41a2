// The method about the configuration.

import type { z } from 'zod';
import type { Caller } from '../../core/events/caller.ts';
import type { reloadSchema } from '../answers/config.ts';
import { none } from '../arguments.ts';
import { type Answered, jsonMethod, type Method } from '../method.ts';

export interface ConfigMethodParts {
  /** Throws `bad-config`. */
  reload: (caller: Caller) => Promise<Answered<z.infer<typeof reloadSchema>>>;
}

export function configMethods({ reload }: ConfigMethodParts): Method[] {
  return [
    jsonMethod({
      name: 'reload',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/config.ts')).reloadSchema,
      changes: 'itself',
      run: (_, caller) => reload(caller),
    }),
  ];
}
