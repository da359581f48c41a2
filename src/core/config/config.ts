// The configuration: every key, what it accepts and its default.
import * as z from 'zod';
import { netmakerSchema } from '../../netmaker/config-section.ts';
import { isVmid, VMID_MAX, VMID_MIN } from '../guest/vmid.ts';
import { interfaceCidrProblem, parseCidr } from '../lib/cidr.ts';
import { bridgeNameProblem } from '../lib/device-name.ts';
import { bridgeName, flag, interfaceName, list, oneOf, path, table, whole } from '../lib/fields.ts';

const VMID_RANGE = `must be [FIRST, LAST], whole numbers from ${VMID_MIN} to ${VMID_MAX}, FIRST not above LAST`;

const bridgeSchema = table({
  create: flag(true),
  addresses: list(
    z.string({ error: 'must be a text such as "203.0.113.1/24"' }).transform((text, context) => {
      const problem = interfaceCidrProblem(text);
      if (problem !== undefined) context.addIssue(problem);
      return parseCidr(text)?.text ?? z.NEVER;
    }),
    'must be a list of addresses such as ["203.0.113.1/24", "2001:db8::1/64"]',
  ).default([]),
  datapath_type: oneOf('auto', 'system', 'netdev').default('auto'),
});

/** The file as written; `parseConfig` fills in what depends on other keys. */
export const fileSchema = table({
  driver: oneOf('auto', 'networkmanager', 'ovsdb').default('auto'),
  strict: flag(false),
  reconcile_interval: whole(1, 86_400, 'seconds', 30),
  hook_deadline: whole(1, 300, 'seconds', 10),
  debounce_ms: whole(0, 60_000, 'milliseconds', 500),
  vmid_range: z
    .tuple([z.number({ error: VMID_RANGE }), z.number({ error: VMID_RANGE })], { error: VMID_RANGE })
    .refine(([first, last]) => isVmid(first) && isVmid(last) && first <= last, { error: VMID_RANGE })
    .default([1_000_000, 1_999_999]),
  vmid_cooldown: whole(0, 31_536_000, 'seconds', 3600),
  default_bridge: bridgeName().default('ovsbr0'),
  bridges: z
    .record(z.string(), bridgeSchema, { error: 'must be tables [bridges.NAME]' })
    .superRefine((bridges, context) => {
      for (const name of Object.keys(bridges)) {
        const problem = bridgeNameProblem(name);
        if (problem !== undefined) context.addIssue({ code: 'custom', path: [name], message: problem });
      }
    })
    .prefault({}),
  proxmox: table({
    enabled: z
      .union([z.boolean(), z.literal('auto')], { error: 'must be true, false or "auto"' })
      .default('auto'),
    root: path('/etc/pve'),
    port: oneOf('vi', 'keep').default('vi'),
    auto_enroll: flag(false),
    interfaces: flag(false),
  }).prefault({}),
  lxc: table({
    enabled: flag(true),
    bridge: bridgeName().optional(),
    root: path('/var/lib/lxc'),
  }).prefault({}),
  docker: table({
    enabled: flag(true),
    attach: oneOf('netmaker', 'labelled', 'all').default('netmaker'),
    bridge: bridgeName().default('ovsbr1'),
    interface: interfaceName().default('ovs0'),
    socket: path('/var/run/docker.sock'),
    names: list(
      z
        .string({ error: 'must be a text' })
        .min(1, 'must not be empty')
        .max(255, 'must have at most 255 characters'),
      'must be a list of name patterns such as ["netmaker-*"]',
    ).default(['netmaker-*']),
    image_labels: list(
      z
        .string({ error: 'must be a text' })
        .min(1, 'must not be empty')
        .max(255, 'must have at most 255 characters'),
      'must be a list of image patterns such as ["registry.example/mine/*"]',
    ).default([]),
    record: oneOf('attached', 'all').default('attached'),
  }).prefault({}),
  netmaker: netmakerSchema.prefault({}),
  ledger: table({ path: path('/var/lib/ovs-port-agent/ledger.jsonl') }).prefault({}),
});

type File = z.infer<typeof fileSchema>;

/** One bridge's settings. */
export type BridgeConfig = DeepReadonly<z.infer<typeof bridgeSchema>>;

/**
 * The configuration in force; keys are named as in the file, times are seconds except `debounce_ms`.
 * `bridges` has an entry for every bridge that any key names.
 */
export type Config = DeepReadonly<
  Omit<File, 'lxc' | 'netmaker'> & { lxc: WithBridge<File['lxc']>; netmaker: WithBridge<File['netmaker']> }
>;

type WithBridge<T> = Omit<T, 'bridge'> & { bridge: string };

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
