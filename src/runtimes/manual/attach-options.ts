// What a port that is asked for by hand may be given besides its device and number.

import { z } from 'zod';
import { bridgeNameSchema } from '../../core/lib/device-name-schemas.ts';
import { AgentError } from '../../core/lib/errors.ts';

export interface AttachOptions {
  bridge?: string;
  vlan?: { tag?: number; trunks: number[]; mode?: string };
  /** Bytes. */
  mtu?: number;
}

const tag = z.int().min(1).max(4094);
const optionsSchema = z.strictObject({
  bridge: z
    .unknown()
    .pipe(bridgeNameSchema as unknown as z.ZodType<string>)
    .optional(),
  tag: tag.optional(),
  trunks: z.array(tag).max(4094).optional(),
  mtu: z.int().min(68).max(65_521).optional(),
});

/** `{"bridge":"ovsbr0","tag":20,"trunks":[30,40],"mtu":1400}`, every key optional. Throws `bad-argument`. */
export function parseAttachOptions(text: string): AttachOptions {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new AgentError('bad-argument', 'The options are no JSON', { cause });
  }
  const read = optionsSchema.safeParse(data);
  if (!read.success) {
    const [issue] = read.error.issues;
    const where = issue?.path.join('.') || 'options';
    throw new AgentError('bad-argument', `${where}: ${issue?.message ?? 'not understood'}`);
  }
  const { bridge, tag: one, trunks = [], mtu } = read.data;
  const vlan = one !== undefined || trunks.length > 0;
  return {
    ...(bridge !== undefined && { bridge }),
    ...(vlan && {
      vlan: {
        ...(one !== undefined && { tag: one }),
        trunks: [...new Set(trunks)].sort((a, b) => a - b),
        // As Proxmox has it: a port with both gets its own VLAN untagged.
        ...(one !== undefined && trunks.length > 0 && { mode: 'native-untagged' }),
      },
    }),
    ...(mtu !== undefined && { mtu }),
  };
}
