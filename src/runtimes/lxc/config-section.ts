// The section [lxc] of the configuration: every key, what it accepts and its default.
import type * as z from 'zod';
import type { DeepReadonly } from '../../core/lib/deep-readonly.ts';
import { bridgeName, flag, path, table } from '../../core/lib/fields.ts';

/** `bridge` is filled in by `parseConfig`. */
export const lxcSchema = table({
  enabled: flag(true),
  bridge: bridgeName().optional(),
  root: path('/var/lib/lxc'),
});

export type LxcSection = DeepReadonly<Omit<z.infer<typeof lxcSchema>, 'bridge'> & { bridge: string }>;
