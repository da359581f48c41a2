// The configuration: composed of the keys that each room says for itself.
import type * as z from 'zod';
import { type NetmakerSection, netmakerSchema } from '../../netmaker/config-section.ts';
import { producersSchema } from '../../producers/config-section.ts';
import { dockerSchema } from '../../runtimes/docker/config-section.ts';
import { type LxcSection, lxcSchema } from '../../runtimes/lxc/config-section.ts';
import { proxmoxSchema } from '../../runtimes/proxmox/config-section.ts';
import { witnessSchema } from '../../witness/config-section.ts';
import { bridgeKeys } from '../drivers/config-section.ts';
import { vmidKeys } from '../guest/config-section.ts';
import { ledgerSchema } from '../ledger/config-section.ts';
import type { DeepReadonly } from '../lib/deep-readonly.ts';
import { flag, table, whole } from '../lib/fields.ts';

const { driver, default_bridge, bridges } = bridgeKeys;

/** The file as written; `parseConfig` fills in what depends on other keys. */
export const fileSchema = table({
  driver,
  strict: flag(false),
  reconcile_interval: whole(1, 86_400, 'seconds', 30),
  hook_deadline: whole(1, 300, 'seconds', 10),
  debounce_ms: whole(0, 60_000, 'milliseconds', 500),
  ...vmidKeys,
  default_bridge,
  bridges,
  proxmox: proxmoxSchema.prefault({}),
  lxc: lxcSchema.prefault({}),
  docker: dockerSchema.prefault({}),
  netmaker: netmakerSchema.prefault({}),
  ledger: ledgerSchema.prefault({}),
  witness: witnessSchema.prefault({}),
  producers: producersSchema.prefault({}),
});

type File = z.infer<typeof fileSchema>;

/**
 * The configuration in force; keys are named as in the file, times are seconds except `debounce_ms`.
 * `bridges` has an entry for every bridge that any key names.
 */
export type Config = DeepReadonly<Omit<File, 'lxc' | 'netmaker'>> & {
  readonly lxc: LxcSection;
  readonly netmaker: NetmakerSection;
};
