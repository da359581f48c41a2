// The keys of the configuration about bridges: which there are to be, and which driver they lead to.
import * as z from 'zod';
import { interfaceCidrProblem, parseCidr } from '../lib/cidr.ts';
import type { DeepReadonly } from '../lib/deep-readonly.ts';
import { bridgeNameProblem } from '../lib/device-name.ts';
import { bridgeName, flag, list, oneOf, table } from '../lib/fields.ts';
import { DRIVER_NAMES } from '../plan/driver-names.ts';

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

/** One bridge's settings. */
export type BridgeConfig = DeepReadonly<z.infer<typeof bridgeSchema>>;

/** The key `bridges`. */
export interface BridgesSection {
  readonly bridges: { readonly [name: string]: BridgeConfig };
}

export const bridgeKeys = {
  driver: oneOf('auto', ...DRIVER_NAMES).default('auto'),
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
};
