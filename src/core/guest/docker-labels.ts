// The labels dev.ovs.portagent.* of a container: what the person who started it asked for.
import * as z from 'zod';
import { contains, interfaceCidrProblem, isHostRoute, isUnicast, parseCidr, parseIp } from './cidr.ts';
import { bridgeNameSchema } from './interface-name.ts';
import { nearName } from './near-name.ts';
import { VMID_MAX, VMID_MIN, vmidFromText } from './vmid.ts';

export const LABEL_PREFIX = 'dev.ovs.portagent.';

export interface DockerLabels {
  readonly vmid?: number;
  readonly bridge?: string;
  /** Canonical `ADDRESS/PREFIX`. */
  readonly address?: string;
  /** Canonical address, of the same family as `address`. */
  readonly gateway?: string;
}

export type DockerLabelsResult =
  | { ok: true; labels: DockerLabels }
  | { ok: false; problems: readonly string[] };

const shape = {
  vmid: z.string().transform((text, context) => {
    const vmid = vmidFromText(text);
    if (vmid === undefined)
      context.addIssue(`must be a whole number from ${VMID_MIN} to ${VMID_MAX}, not ${shown(text)}`);
    return vmid ?? z.NEVER;
  }),
  bridge: bridgeNameSchema,
  address: z.string().transform((text, context) => {
    const problem = interfaceCidrProblem(text);
    if (problem !== undefined) context.addIssue(problem);
    return parseCidr(text)?.text ?? z.NEVER;
  }),
  gateway: z.string().transform((text, context) => {
    const gateway = parseIp(text);
    if (gateway === undefined || !isUnicast(gateway)) {
      context.addIssue(`must be a unicast address without prefix length, not ${shown(text)}`);
    }
    return gateway?.text ?? z.NEVER;
  }),
};

const labelsSchema = z
  .strictObject(shape)
  .partial()
  .superRefine(({ address, gateway }, context) => {
    if (gateway === undefined) return;
    const problem = gatewayProblem(address, gateway);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: ['gateway'], message: problem });
  });

/** Reads our labels among all labels of a container; each problem names its label. Never throws. */
export function parseDockerLabels(labels: Readonly<Record<string, string>>): DockerLabelsResult {
  const ours = Object.entries(labels)
    .filter(([key]) => key.startsWith(LABEL_PREFIX))
    .map(([key, value]) => [key.slice(LABEL_PREFIX.length), value] as const);
  const unknown = ours.filter(([key]) => !Object.hasOwn(shape, key)).map(([key]) => unknownLabel(key));
  const known = Object.fromEntries(ours.filter(([key]) => Object.hasOwn(shape, key)));
  const parsed = labelsSchema.safeParse(known);
  if (parsed.success && unknown.length === 0) return { ok: true, labels: defined(parsed.data) };
  const wrong = parsed.success ? [] : parsed.error.issues.map((issue) => labelProblem(issue));
  return { ok: false, problems: [...unknown, ...wrong] };
}

function labelProblem(issue: z.core.$ZodIssue): string {
  return `label ${LABEL_PREFIX}${issue.path.join('.')}: ${issue.message}`;
}

/** A label that is nearly ours is a slip: attaching without what it meant would be worse than saying so. */
function unknownLabel(key: string): string {
  const near = nearName(key, Object.keys(shape));
  const hint =
    near === undefined
      ? `known are ${Object.keys(shape).join(', ')}`
      : `did you mean ${LABEL_PREFIX}${near}?`;
  return `label ${LABEL_PREFIX}${key.slice(0, 60)} is not known; ${hint}`;
}

function gatewayProblem(addressText: string | undefined, gatewayText: string): string | undefined {
  const gateway = parseIp(gatewayText);
  const address = addressText === undefined ? undefined : parseCidr(addressText);
  if (gateway === undefined) return undefined;
  if (address === undefined) return `needs the label ${LABEL_PREFIX}address beside it`;
  if (gateway.family !== address.address.family)
    return `${gateway.text} is not of the same IP version as ${address.text}`;
  if (gateway.value === address.address.value) return `${gateway.text} is the container's own address`;
  if (!isHostRoute(address) && !contains(address, gateway))
    return `${gateway.text} is outside the subnet of ${address.text}`;
  return undefined;
}

function defined(labels: z.infer<typeof labelsSchema>): DockerLabels {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== undefined));
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
