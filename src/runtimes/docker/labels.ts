// The labels dev.ovs.portagent.* of a container: what the person who started it asked for.

import * as z from 'zod';
import { LABEL_PREFIX } from '../../core/guest/label-prefix.ts';
import { VMID_MAX, VMID_MIN, vmidFromText } from '../../core/guest/vmid.ts';
import {
  contains,
  interfaceCidrProblem,
  isHostRoute,
  isUnicast,
  parseCidr,
  parseIp,
} from '../../core/lib/cidr.ts';
import { bridgeNameSchema, interfaceNameSchema } from '../../core/lib/device-name-schemas.ts';
import { nearName } from '../../core/lib/near-name.ts';
import { quoted } from '../../core/lib/quoted.ts';
import type { ServiceRule } from '../../core/plan/port-security.ts';
import { serviceRuleProblem } from '../../core/plan/service-rules.ts';
import type { NetmakerRole } from '../../netmaker/types.ts';

export interface DockerLabels {
  readonly vmid?: number;
  readonly bridge?: string;
  /** Name of the new interface inside the container. */
  readonly interface?: string;
  /** Canonical `ADDRESS/PREFIX`, or `ADDRESS` alone where a pool has to say the rest. */
  readonly address?: string;
  /** Canonical address, of the same family as `address`. */
  readonly gateway?: string;
  readonly netmaker?: NetmakerRole | boolean;
  /** An IPv6 address, written as `address` is; then `address` is an IPv4 address. */
  readonly address6?: string;
  /** What may be opened towards the container; empty: nothing. */
  readonly allowIn?: readonly ServiceRule[];
  /** kbit/s towards the container; 0: no limit. */
  readonly rateIn?: number;
  /** kbit/s from the container; 0: no limit. */
  readonly rateOut?: number;
  /** 1 to 32 letters, digits, `.`, `_` and `-`. */
  readonly failoverGroup?: string;
}

export type DockerLabelsResult =
  | { ok: true; labels: DockerLabels }
  | { ok: false; problems: readonly string[] };

const RATE_MAX = 100_000_000;

const NETMAKER_VALUES = { server: 'server', client: 'client', true: true, false: false } as const;

const shape = {
  vmid: z.string().transform((text, context) => {
    const vmid = vmidFromText(text);
    if (vmid === undefined)
      context.addIssue(`must be a whole number from ${VMID_MIN} to ${VMID_MAX}, not ${quoted(text, 60)}`);
    return vmid ?? z.NEVER;
  }),
  bridge: bridgeNameSchema,
  interface: interfaceNameSchema,
  address: addressSchema(),
  gateway: z.string().transform((text, context) => {
    const gateway = parseIp(text);
    if (gateway === undefined || !isUnicast(gateway)) {
      context.addIssue(`must be a unicast address without prefix length, not ${quoted(text, 60)}`);
    }
    return gateway?.text ?? z.NEVER;
  }),
  netmaker: z.string().transform((text, context) => {
    if (isNetmakerValue(text)) return NETMAKER_VALUES[text];
    context.addIssue(`must be server, client, true or false, not ${quoted(text, 60)}`);
    return z.NEVER;
  }),
  address6: addressSchema(6),
  'allow-in': z.string().transform((text, context) => {
    const rules = text.split(',').map((rule) => rule.trim());
    // An empty label is an empty list: nothing comes in.
    if (rules.length === 1 && rules[0] === '') return [];
    for (const problem of rules.flatMap((rule) => serviceRuleProblem(rule) ?? [])) context.addIssue(problem);
    return rules;
  }),
  'rate-in': rateSchema(),
  'rate-out': rateSchema(),
  'netmaker.failover-group': z.string().superRefine((text, context) => {
    if (!/^[A-Za-z0-9._-]{1,32}$/.test(text)) {
      context.addIssue(`must be 1 to 32 letters, digits, ".", "_" and "-", not ${quoted(text, 60)}`);
    }
  }),
};

/** Labels that say something to Netmaker's containers alone. */
const NETMAKER_ONLY = ['address6', 'allow-in', 'rate-in', 'rate-out', 'netmaker.failover-group'] as const;

const labelsSchema = z
  .strictObject(shape)
  .partial()
  .superRefine(({ address, address6, gateway }, context) => {
    if (address6 !== undefined && address?.includes(':')) {
      const message = `must be an IPv4 address beside the label ${LABEL_PREFIX}address6, not ${address}`;
      context.addIssue({ code: 'custom', path: ['address'], message });
    }
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
  if (parsed.success && unknown.length === 0) return { ok: true, labels: named(parsed.data) };
  const wrong = parsed.success ? [] : parsed.error.issues.map((issue) => labelProblem(issue));
  return { ok: false, problems: [...unknown, ...wrong] };
}

/**
 * What of these labels needs a Netmaker container on the bridge of the pools, one sentence each: others have no pool, no
 * lease and no rules, and a limit that is not kept is worse than none.
 *
 * @param publicBridge the bridge of the pools, for one of Netmaker's containers that is to be on another
 */
export function netmakerOnlyProblems(
  labels: Readonly<Record<string, string>>,
  publicBridge?: string,
): string[] {
  const remedy =
    publicBridge === undefined
      ? `is for Netmaker's containers, and this is none (label ${LABEL_PREFIX}netmaker=client makes it one)`
      : `is for containers on ${publicBridge}, the bridge of the pools, and the label ${LABEL_PREFIX}bridge names another`;
  const stray = NETMAKER_ONLY.filter((key) => Object.hasOwn(labels, LABEL_PREFIX + key)).map(
    (key) => `label ${LABEL_PREFIX}${key}: ${remedy}`,
  );
  const address = labels[`${LABEL_PREFIX}address`];
  return address === undefined || address.includes('/')
    ? stray
    : [
        `label ${LABEL_PREFIX}address: must be ADDRESS/PREFIX, not ${quoted(address, 60)}: an address without prefix length ${remedy}`,
        ...stray,
      ];
}

function addressSchema(family?: 6) {
  return z.string().transform((text, context) => {
    const problem = addressProblem(text, family);
    if (problem !== undefined) context.addIssue(problem);
    return (parseCidr(text) ?? parseIp(text))?.text ?? z.NEVER;
  });
}

function rateSchema() {
  return z.string().transform((text, context) => {
    const rate = /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : Number.NaN;
    if (rate <= RATE_MAX) return rate;
    context.addIssue(
      `must be a whole number of kbit/s from 0 (no limit) to ${RATE_MAX}, not ${quoted(text, 60)}`,
    );
    return z.NEVER;
  });
}

function isNetmakerValue(text: string): text is keyof typeof NETMAKER_VALUES {
  return Object.hasOwn(NETMAKER_VALUES, text);
}

function addressProblem(text: string, family: 6 | undefined): string | undefined {
  const address = parseIp(text) ?? parseCidr(text)?.address;
  if (family !== undefined && address?.family !== family)
    return `must be an IPv6 address, not ${quoted(text, 60)}`;
  const isAlone = !text.includes('/') && address !== undefined;
  if (!isAlone) return interfaceCidrProblem(text);
  return isUnicast(address) ? undefined : `must be a unicast address, not ${quoted(text, 60)}`;
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
  if (addressText === undefined) return `needs the label ${LABEL_PREFIX}address beside it`;
  if (address === undefined) {
    return `needs the prefix length in ${LABEL_PREFIX}address; without one, the gateway is that of the pool`;
  }
  if (gateway.family !== address.address.family)
    return `${gateway.text} is not of the same IP version as ${address.text}`;
  if (gateway.value === address.address.value) return `${gateway.text} is the container's own address`;
  if (!isHostRoute(address) && !contains(address, gateway))
    return `${gateway.text} is outside the subnet of ${address.text}`;
  return undefined;
}

function named(labels: z.infer<typeof labelsSchema>): DockerLabels {
  const {
    'allow-in': allowIn,
    'rate-in': rateIn,
    'rate-out': rateOut,
    'netmaker.failover-group': failoverGroup,
    ...same
  } = labels;
  const all = { ...same, allowIn, rateIn, rateOut, failoverGroup };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
