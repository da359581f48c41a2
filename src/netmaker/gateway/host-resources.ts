// The single things on a host that make it a gateway, and what is remembered of each.

import { z } from 'zod';
import { parseCidr, parseIp } from '../../core/lib/cidr.ts';
import { kernelNameProblem } from '../../core/lib/device-name.ts';

const device = z.string().refine((name) => kernelNameProblem(name) === undefined, 'not a device name');
const address = z.string().refine((text) => parseIp(text) !== undefined, 'not an address');
const cidr = z.string().refine((text) => parseCidr(text) !== undefined, 'not ADDRESS/PREFIX');
const family = z.union([z.literal(4), z.literal(6)]);
const value = z.string().regex(/^-?\d{1,10}$/);

/** Below /proc/sys, with slashes: a dot is part of some devices' names. */
const sysctlPath = z.string().refine((path) => {
  const parts = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\/[a-z0-9_]+$|^net\/ipv4\/conf\/all\/[a-z_]+$/.exec(
    path,
  );
  return parts !== null && (parts[1] === undefined || parts[1] === 'all' || !kernelNameProblem(parts[1]));
}, 'not a setting of a device');

const resourceSchemas = {
  /** The device is up. */
  up: z.object({ kind: z.literal('up'), device }),
  sysctl: z.object({ kind: z.literal('sysctl'), path: sysctlPath, value }),
  /** IPv6 forwarding of the whole host: writing it rewrites that of each device (addrconf_fixup_forwarding). */
  forwarding6: z.object({ kind: z.literal('forwarding6') }),
  address: z.object({ kind: z.literal('address'), device, cidr }),
  /** A subnet or one address behind a device; the table by number. */
  route: z.object({ kind: z.literal('route'), to: cidr, device, table: z.int().positive() }),
  /** An address that the host answers ARP or ND for. */
  proxy: z.object({ kind: z.literal('proxy'), address, device }),
  /** Our exception in Docker's chain for administrators. */
  exception: z.object({
    kind: z.literal('exception'),
    family,
    /** From containers to the outside, from there to them, and among containers whose way is through the host. */
    direction: z.enum(['from', 'to', 'among']),
    device,
    /** What leads outside; the bridge itself for `among`. */
    other: device,
    subnet: cidr,
  }),
};

export type HostResource =
  | z.infer<(typeof resourceSchemas)[keyof typeof resourceSchemas]>
  | { kind: 'table'; commands: readonly object[] };

/** The `ifindex` of the resource's device: with another one it is another device, and what we did went with the old. */
const index = z.int().positive().optional();

export const entrySchema = z.discriminatedUnion('kind', [
  resourceSchemas.up.extend({ index }),
  resourceSchemas.sysctl.extend({
    index,
    was: value,
    /** `conf/all/forwarding` then: who changes that sets all devices, and ours is no longer ours to put back. */
    host: value.optional(),
  }),
  resourceSchemas.forwarding6.extend({ was: z.record(z.string(), value) }),
  resourceSchemas.address.extend({ index }),
  resourceSchemas.route.extend({ index }),
  resourceSchemas.proxy.extend({ index }),
  resourceSchemas.exception,
  z.object({
    kind: z.literal('table'),
    /** Digest of what we asked for. */
    wanted: z.string(),
    /** Digest of what nft showed right after; undefined while it is being written. */
    seen: z.string().optional(),
  }),
]);

/** A resource that we made, with what is needed to take it back. */
export type Entry = z.infer<typeof entrySchema>;
export type EntryOf<K extends Entry['kind']> = Extract<Entry, { kind: K }>;

/** Resources of one key are the same thing, with another value perhaps. */
export function keyOf(resource: HostResource | Entry): string {
  switch (resource.kind) {
    case 'up':
      return `up ${resource.device}`;
    case 'sysctl':
      return `sysctl ${resource.path}`;
    case 'forwarding6':
    case 'table':
      return resource.kind;
    case 'address':
      return `address ${resource.cidr} ${resource.device}`;
    case 'route':
      return `route ${resource.to} ${resource.device} ${resource.table}`;
    case 'proxy':
      return `proxy ${resource.address} ${resource.device}`;
    case 'exception':
      return `exception ${resource.family} ${resource.direction} ${resource.device} ${resource.other} ${resource.subnet}`;
  }
}

/** The device that a resource lives and dies with. */
export function deviceOf(resource: HostResource | Entry): string | undefined {
  if (resource.kind === 'sysctl') {
    const name = resource.path.split('/')[3];
    return name === 'all' || name === 'default' ? undefined : name;
  }
  return 'device' in resource && resource.kind !== 'exception' ? resource.device : undefined;
}
