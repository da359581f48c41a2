// The flat keys of the first version's configuration, accepted as they were written there.
import * as z from 'zod';

/** Keys that mean something here under another name. */
export const RENAMED = { bridge_name: 'default_bridge', ledger_path: 'ledger.path' } as const;

const text = z.string({ error: 'must be a text' });

/** Keys that have no effect here: what they accept, and why nothing follows from them. */
const WITHOUT_EFFECT: Readonly<Record<string, { schema: z.ZodType; why: string }>> = {
  interfaces_path: {
    schema: text,
    why: 'guest ports are kept in OVS, not in /etc/network/interfaces',
  },
  include_prefixes: {
    schema: z.array(text, { error: 'must be a list of texts' }),
    why: 'ports are made for guests that start, not for every interface with a prefix',
  },
  managed_block_tag: { schema: text, why: 'what is ours in /etc/network/interfaces is told by other marks' },
  naming_template: {
    schema: text,
    why: 'the port is always named vi<VMID>, the interface keeps its kernel name',
  },
  enable_rename: {
    schema: z.boolean({ error: 'must be true or false' }),
    why: 'interfaces are never renamed: Proxmox finds them by their kernel name',
  },
  container_name_cmd: {
    schema: text,
    why: 'container names come from the runtime itself, no command is run',
  },
};

export const SEED_KEYS: readonly string[] = [...Object.keys(RENAMED), ...Object.keys(WITHOUT_EFFECT)];

export interface Translated {
  readonly data: Record<string, unknown>;
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

/** `debounce_ms` needs no translation: it is a key of ours, too. */
export function translateSeedKeys(file: Readonly<Record<string, unknown>>): Translated {
  const data: Record<string, unknown> = { ...file };
  const warnings: string[] = [];
  const problems: string[] = [];
  for (const [key, { schema, why }] of Object.entries(WITHOUT_EFFECT)) {
    if (!Object.hasOwn(file, key)) continue;
    delete data[key];
    const issue = schema.safeParse(file[key]).error?.issues[0];
    if (issue) problems.push(`${key}: ${issue.message}`);
    else warnings.push(`${key} has no effect: ${why}`);
  }
  if (Object.hasOwn(file, 'bridge_name')) {
    delete data.bridge_name;
    if (typeof file.bridge_name !== 'string') problems.push('bridge_name: must be a bridge name');
    else if (Object.hasOwn(file, 'default_bridge') && file.default_bridge !== file.bridge_name) {
      problems.push('bridge_name: contradicts default_bridge; keep one of them');
    } else data.default_bridge = file.bridge_name;
  }
  if (Object.hasOwn(file, 'ledger_path')) {
    delete data.ledger_path;
    const ledger = file.ledger ?? {};
    if (typeof file.ledger_path !== 'string') problems.push('ledger_path: must be an absolute path');
    else if (typeof ledger === 'object' && 'path' in ledger && ledger.path !== file.ledger_path) {
      problems.push('ledger_path: contradicts path in [ledger]; keep one of them');
    } else if (typeof ledger === 'object') data.ledger = { ...ledger, path: file.ledger_path };
  }
  return { data, warnings, problems };
}
