// From what is wanted, what is there and what we made before to the steps between: decides and touches nothing.

import { createHash } from 'node:crypto';
import { deviceOf, type Entry, type EntryOf, type HostResource, keyOf } from './host-resources.ts';
import type { Observed } from './observed.ts';

export type Step = { do: 'make'; resource: HostResource } | { do: 'undo'; entry: Entry };

export interface GatewayPlan {
  steps: readonly Step[];
  /** What is ours as soon as the first step may have been taken: on disk before it is. */
  entries: readonly Entry[];
}

/** The order of making; undoing goes the other way. */
const ORDER: readonly HostResource['kind'][] = [
  'table',
  'exception',
  'sysctl',
  'forwarding6',
  'up',
  'address',
  'route',
  'proxy',
];

/** `wanted` in the order in which it shall be made. Nothing is taken back that somebody else has changed since. */
export function gatewayPlan(
  desired: readonly HostResource[],
  observed: Observed,
  record: readonly Entry[],
): GatewayPlan {
  const held = stillOurs(record, observed);
  const wants = new Set(desired.map(keyOf));
  const undo = held
    .filter((entry) => !wants.has(keyOf(entry)) && isAsWeLeftIt(entry, observed))
    .sort((a, b) => ORDER.indexOf(b.kind) - ORDER.indexOf(a.kind));
  const heldBy = new Map(held.map((entry) => [keyOf(entry), entry]));
  const make = desired.filter((resource) => !isThere(resource, observed, heldBy.get(keyOf(resource))));
  const made = new Map(
    make.map((resource) => [keyOf(resource), entryFor(resource, observed, heldBy.get(keyOf(resource)))]),
  );
  const kept = held.filter(
    (entry) => !made.has(keyOf(entry)) && (wants.has(keyOf(entry)) || undo.includes(entry)),
  );
  return {
    steps: [
      ...undo.map((entry): Step => ({ do: 'undo', entry })),
      ...make.map((resource): Step => ({ do: 'make', resource })),
    ],
    entries: [...kept, ...made.values()],
  };
}

/** Entries whose device is still the one that it was. */
export function stillOurs(record: readonly Entry[], observed: Observed): Entry[] {
  return record.filter((entry) => {
    const device = deviceOf(entry);
    return device === undefined || ('index' in entry && observed.links.get(device)?.index === entry.index);
  });
}

/** Digest of the commands, for comparing only. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

const ALL6 = 'net/ipv6/conf/all/forwarding';
const ALL4 = 'net/ipv4/conf/all/forwarding';

function isThere(resource: HostResource, observed: Observed, held: Entry | undefined): boolean {
  switch (resource.kind) {
    case 'up':
      return observed.links.get(resource.device)?.up === true;
    case 'sysctl':
      return observed.sysctls.get(resource.path) === resource.value;
    case 'forwarding6':
      return observed.sysctls.get(ALL6) === '1';
    case 'address':
      return observed.links.get(resource.device)?.addresses.includes(resource.cidr) === true;
    case 'table': {
      const known = held?.kind === 'table' ? held : undefined;
      const isLast = known?.wanted === digestOf(resource.commands) && known.seen !== undefined;
      return isLast && known.seen === observed.table;
    }
    case 'route':
    case 'proxy':
    case 'exception':
      return observed.present.has(keyOf(resource));
  }
}

function isAsWeLeftIt(entry: Entry, observed: Observed): boolean {
  switch (entry.kind) {
    case 'sysctl':
      return (
        observed.sysctls.get(entry.path) === entry.value &&
        (entry.host === undefined || entry.host === observed.sysctls.get(ALL4))
      );
    // Its name is ours, whatever is in it.
    case 'table':
      return observed.table !== undefined;
    default:
      return isThere(entry, observed, undefined);
  }
}

function entryFor(resource: HostResource, observed: Observed, held: Entry | undefined): Entry {
  const device = deviceOf(resource);
  const index = device === undefined ? undefined : observed.links.get(device)?.index;
  const of = index === undefined ? {} : { index };
  switch (resource.kind) {
    case 'sysctl': {
      const before = held?.kind === 'sysctl' ? held : undefined;
      const host = /^net\/ipv4\/conf\/[^/]+\/forwarding$/.test(resource.path)
        ? observed.sysctls.get(ALL4)
        : undefined;
      return {
        ...resource,
        ...of,
        was: before?.was ?? observed.sysctls.get(resource.path) ?? resource.value,
        ...(before !== undefined
          ? before.host !== undefined && { host: before.host }
          : host !== undefined && { host }),
      };
    }
    case 'forwarding6':
      return held?.kind === 'forwarding6' ? held : { ...resource, was: forwarding6Of(observed) };
    case 'table':
      return { kind: 'table', wanted: digestOf(resource.commands) };
    case 'exception':
      return resource;
    default:
      return { ...resource, ...of };
  }
}

/** IPv6 forwarding by device, with `all` and `default`. */
export function forwarding6Of(observed: Observed): Record<string, string> {
  return Object.fromEntries(
    [...observed.sysctls].flatMap(([path, value]) => {
      const device = /^net\/ipv6\/conf\/([^/]+)\/forwarding$/.exec(path)?.[1];
      return device === undefined ? [] : [[device, value]];
    }),
  );
}

/**
 * Writes that give every device its IPv6 forwarding back: path and value, in this order. What somebody turned off
 * meanwhile stays off; a device that came meanwhile gets what it would have got without us.
 */
export function undoForwarding6(
  { was }: EntryOf<'forwarding6'>,
  now: Readonly<Record<string, string>>,
): [string, string][] {
  const host = was.all ?? '0';
  const devices = Object.keys(now).filter((device) => device !== 'all');
  const after = devices.map((device): [string, string] => {
    const value = now[device] === '1' ? (was[device] ?? was.default ?? '0') : (now[device] ?? '0');
    return [`net/ipv6/conf/${device}/forwarding`, value];
  });
  // Writing `all` has set them all to its value.
  return [[ALL6, host], ...after.filter(([, value]) => value !== host)];
}

/** One line for people, such as `sysctl net/ipv4/conf/ovsbr1/forwarding 0 → 1`. */
export function wordsFor(step: Step, observed: Observed): string {
  const resource = step.do === 'make' ? step.resource : step.entry;
  switch (resource.kind) {
    case 'up':
      return `link ${resource.device} up`;
    case 'sysctl': {
      const to = step.do === 'undo' && 'was' in resource ? resource.was : resource.value;
      return `sysctl ${resource.path} ${observed.sysctls.get(resource.path)} → ${to}`;
    }
    case 'forwarding6':
      return `sysctl ${ALL6}`;
    case 'address':
      return `address ${resource.cidr} on ${resource.device}`;
    case 'route':
      return `route ${resource.to} to ${resource.device} in table ${resource.table}`;
    case 'proxy':
      return `answers for ${resource.address} on ${resource.device}`;
    case 'exception':
      return `firewall rule in DOCKER-USER ${resource.direction} ${resource.subnet} on ${resource.device} (${resource.other})`;
    case 'table':
      return 'nftables table inet ovs_port_agent';
  }
}
