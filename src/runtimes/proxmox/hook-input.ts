// What Proxmox tells a hookscript: argv [vmid, phase] and PVE_MIGRATED_FROM.
import * as z from 'zod/mini';
import { fromParse, type HookInput } from '../../core/guest/hook-input.ts';
import { vmidFromText, vmidSchema } from '../../core/guest/vmid.ts';

export const PROXMOX_PHASES = ['pre-start', 'post-start', 'pre-stop', 'post-stop'] as const;
export type ProxmoxPhase = (typeof PROXMOX_PHASES)[number];

export interface ProxmoxHookInput {
  readonly vmid: number;
  readonly phase: ProxmoxPhase;
  /** The node an incoming live migration comes from. */
  readonly migratedFrom?: string;
}

const argvSchema = z.object({
  vmid: vmidSchema,
  phase: z.enum(PROXMOX_PHASES, { error: `the phase must be one of ${PROXMOX_PHASES.join(', ')}` }),
});

/**
 * @param argv without interpreter and script: `[vmid, phase]` (pve-guest-common GuestHelpers.pm:exec_hookscript);
 *   further arguments are left alone, a later Proxmox may add some.
 */
export function parseProxmoxHookInput(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): HookInput<ProxmoxHookInput> {
  const [vmidText = '', phase = ''] = argv;
  const vmid = vmidFromText(vmidText) ?? vmidText;
  const parsed = fromParse(argvSchema.safeParse({ vmid, phase }), 'proxmox hook');
  if (!parsed.ok) return parsed;
  // Set and empty on an ordinary start (QemuServer.pm:vm_start_nolock). A node name is a host name; anything else
  // is not worth a guest's start.
  const from = env.PVE_MIGRATED_FROM ?? '';
  return /^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$/.test(from)
    ? { ok: true, input: { ...parsed.input, migratedFrom: from } }
    : parsed;
}
