// The method about the configuration.

import type { z } from 'zod';
import type { reloadSchema } from '../answers/config.ts';
import { none } from '../arguments.ts';
import { type Answered, jsonMethod, type Method } from '../method.ts';

export interface ConfigMethodParts {
  /** Throws `bad-config`. */
  reload: () => Promise<Answered<z.infer<typeof reloadSchema>>>;
}

export function configMethods({ reload }: ConfigMethodParts): Method[] {
  return [
    jsonMethod({
      name: 'reload',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/config.ts')).reloadSchema,
      run: () => reload(),
    }),
  ];
}
