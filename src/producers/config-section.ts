// The section [producers] of the configuration: what is recorded beside guests and ports.
import * as z from 'zod';
import { flag, list, oneOf, table, whole } from '../core/lib/fields.ts';

const name = z
  .string({ error: 'must be a name of 3 to 64 characters' })
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} _.-]{1,62}[\p{L}\p{N}]$/u, {
    error: 'must be a name of 3 to 64 letters, digits, blanks, and _ . -',
  });

export const producersSchema = table({
  settings: flag(true),
  users: oneOf('off', 'changes', 'all').default('changes'),
  storage: flag(true),
  external: flag(true),
  external_rate: whole(1, 6000, 'lines a minute', 60),
  redact: list(name, 'must be a list of names').default([]),
});

export type ProducersSection = z.infer<typeof producersSchema>;
