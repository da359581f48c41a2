// One family's part of a container's network namespace, as `ip -json` gives it; pure.

import { z } from 'zod';
import { parseCidr, parseIp } from '../lib/cidr.ts';
import { kernelNameProblem } from '../lib/device-name.ts';

export type Family = 4 | 6;

export const isSix = (address: string) => address.includes(':');

export function familiesOf(addresses: readonly string[]): Family[] {
  const found = new Set(addresses.map((text) => (isSix(text) ? 6 : 4)));
  return ([4, 6] as const).filter((family) => found.has(family));
}

// A container with NET_ADMIN chooses names and routes itself; a name that is none never reaches a command.
const device = z.string().refine((name) => kernelNameProblem(name) === undefined);
const routeSchema = z.object({
  dst: z.string(),
  gateway: z.string().optional(),
  dev: device.optional().catch(undefined),
  table: z.union([z.string(), z.number()]).optional(),
  type: z.string().optional(),
  metric: z.number().optional(),
});
const linkSchema = z.object({
  ifname: z.string(),
  addr_info: z
    .array(
      z.object({
        family: z.string(),
        local: z.string().optional(),
        prefixlen: z.number(),
        scope: z.string(),
      }),
    )
    .default([]),
});
const ruleSchema = z.object({
  priority: z.number(),
  src: z.string(),
  srclen: z.number().optional(),
  dst: z.string().optional(),
  dstlen: z.number().optional(),
  table: z.union([z.string(), z.number()]).optional(),
});
export const routesSchema = z.array(routeSchema);
export const linksSchema = z.array(linkSchema);
export const rulesSchema = z.array(ruleSchema);

/** One family's part of a namespace, as `ip -json` gives it. */
export interface GuestNetwork {
  family: Family;
  links: z.infer<typeof linksSchema>;
  /** Of all tables. */
  routes: z.infer<typeof routesSchema>;
  rules: z.infer<typeof rulesSchema>;
}

/** A default route; without a gateway where the device needs none. */
export interface FormerRoute {
  gateway: string | undefined;
  dev: string;
  /** What the kernel shows; undefined is 0. */
  metric: number | undefined;
}

export const tableOf = ({ table }: { table?: string | number | undefined }) => String(table ?? 'main');
const isDefault = ({ dst, type = 'unicast' }: { dst: string; type?: string | undefined }) =>
  dst === 'default' && type === 'unicast';
export const hop = ({ gateway, dev }: Pick<FormerRoute, 'gateway' | 'dev'>) =>
  gateway === undefined ? `dev ${dev} scope link` : `via ${gateway} dev ${dev}`;

export const metricOf = ({ metric }: Pick<FormerRoute, 'metric'>) =>
  metric === undefined ? '' : ` metric ${metric}`;

export const ofFamily = (cidrs: readonly string[], family: Family) =>
  cidrs.filter((text) => parseCidr(text)?.address.family === family);

/** Those of a table, the one that the kernel prefers first; a container's own choice of words never reaches a command. */
export function defaultsIn(table: string, { routes }: GuestNetwork): FormerRoute[] {
  return routes
    .filter((route) => isDefault(route) && tableOf(route) === table)
    .flatMap(({ gateway, dev, metric }) =>
      dev === undefined || (gateway !== undefined && parseIp(gateway) === undefined)
        ? []
        : [{ gateway, dev, metric }],
    )
    .sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
}

export const addressesOn = (dev: string, { links, family }: GuestNetwork) =>
  (links.find(({ ifname }) => ifname === dev)?.addr_info ?? []).filter(
    (entry) => entry.family === familyName(family) && entry.scope === 'global',
  );

const familyName = (family: Family) => (family === 4 ? 'inet' : 'inet6');
