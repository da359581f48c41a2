// The section [proxmox] of the configuration: every key, what it accepts and its default.
import * as z from 'zod';
import type { DeepReadonly } from '../../core/lib/deep-readonly.ts';
import { flag, oneOf, path, table } from '../../core/lib/fields.ts';

export const proxmoxSchema = table({
  enabled: z
    .union([z.boolean(), z.literal('auto')], { error: 'must be true, false or "auto"' })
    .default('auto'),
  root: path('/etc/pve'),
  port: oneOf('vi', 'keep').default('vi'),
  auto_enroll: flag(false),
  interfaces: flag(false),
});

export type ProxmoxSection = DeepReadonly<z.infer<typeof proxmoxSchema>>;
