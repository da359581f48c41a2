// Which address a container gets: the decision alone; pure.

import { type IpAddress, parseIp } from '../../core/lib/cidr.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { quoted } from '../../core/lib/quoted.ts';
import type { Pool } from '../types.ts';
import {
  type AddressRange,
  familyOf,
  hostProblem,
  hostsOf,
  inRanges,
  isGateway,
  lowestFree,
  poolOf,
} from './address-space.ts';
import {
  assign,
  heldAddress,
  isGroupKey,
  type LeaseState,
  leaseKeySchema,
  leaseNameSchema,
} from './lease-state.ts';

export interface LeaseRequest {
  /** Container id of 64 hexadecimal digits, or `group:NAME`. */
  readonly key: string;
  /** Of the container: who comes back under it gets the same addresses again. */
  readonly name: string;
  /** Addresses without prefix length that were asked for by label: these or an error. */
  readonly requested: { readonly 4?: string; readonly 6?: string };
  readonly pools: readonly Pool[];
  /** Never handed out unasked. */
  readonly reserved: readonly AddressRange[];
  /** Canonical addresses that somebody else is seen to use: neighbours, ports of others. */
  readonly inUse: ReadonlySet<string>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** How long a released address is kept from other names. */
  readonly cooldownMs: number;
}

export interface LeasedAddress {
  readonly family: 4 | 6;
  /** Canonical, without prefix length. */
  readonly address: string;
  readonly prefix: number;
  readonly gateway: string;
}

/**
 * Gives `key` one address of each family that there is a pool for. In this order: the wanted one; the one it has; the
 * last that it or a container of its name had, also within the cool-down; the lowest that nobody had; the one that is
 * released longest, after its cool-down. Several pools of a family: the first that has one.
 *
 * An address by label may be a reserved one, for that is what addresses are reserved for, and one that cools down;
 * never a gateway, nor network or broadcast address of a pool that containers get as a subnet. What a key holds is
 * not taken from it because it is seen in use: it is most likely seen itself. An address outside of all pools, after
 * these were changed, is given up here, that is when the container is started, not before.
 *
 * All families or none. Throws `pool-exhausted`; `address-taken` and `address-outside-pool` for wanted addresses;
 * `bad-argument` for a key, name or wanted address that is none.
 */
export function lease(
  state: LeaseState,
  request: LeaseRequest,
): { addresses: LeasedAddress[]; state: LeaseState } {
  const { key, name, now, pools } = request;
  if (!leaseKeySchema.safeParse(key).success)
    throw new AgentError('bad-argument', `not the key of a lease: ${quoted(key, 80)}`);
  if (!leaseNameSchema.safeParse(name).success)
    throw new AgentError('bad-argument', `not a container's name: ${quoted(name, 80)}`);
  let next = state;
  const addresses: LeasedAddress[] = [];
  for (const family of [4, 6] as const) {
    const requested = requestedAddress(next, request, family);
    if (requested === undefined && !pools.some((pool) => pool.family === family)) continue;
    const address = requested ?? ownAddress(next, request, family) ?? freeAddress(next, request, family);
    next = assign(next, { address: address.text, key, name, isStatic: requested !== undefined, now });
    const pool = poolOf(pools, address);
    if (pool !== undefined) {
      addresses.push({ family, address: address.text, prefix: pool.prefix, gateway: pool.gateway });
    }
  }
  return { addresses, state: next };
}

function requestedAddress(state: LeaseState, request: LeaseRequest, family: 4 | 6): IpAddress | undefined {
  const { key, name, requested, pools, inUse } = request;
  const text = requested[family];
  if (text === undefined) return undefined;
  const address = parseIp(text);
  if (address?.family !== family)
    throw new AgentError('bad-argument', `not an IPv${family} address: ${quoted(text, 80)}`);
  const fail = (code: 'address-taken' | 'address-outside-pool', why: string) =>
    new AgentError(code, `${address.text} for ${name} ${why}`);
  const pool = poolOf(pools, address);
  if (pool === undefined) throw fail('address-outside-pool', 'is in none of the pools');
  if (isGateway(pools, address)) throw fail('address-taken', 'is the gateway of a pool');
  if (hostProblem(address, pool) !== undefined) {
    throw fail('address-outside-pool', `is not a host of ${pool.subnet}`);
  }
  const holder = state.leases[address.text];
  if (holder?.releasedAt === null) {
    if (holder.key !== key) throw fail('address-taken', `belongs to ${holder.name}`);
    return address;
  }
  if (inUse.has(address.text)) throw fail('address-taken', 'is used by somebody else');
  return address;
}

/** What the key has, or what it or its name had last, as far as it may be handed out unasked. */
function ownAddress(state: LeaseState, request: LeaseRequest, family: 4 | 6): IpAddress | undefined {
  const { key, name, inUse } = request;
  const held = heldAddress(state, key, family);
  const holds = held === undefined ? undefined : unasked(held, request);
  if (holds !== undefined) return holds;
  // A group comes back by its key; a container that happens to be called like one is another matter.
  const mine = (entry: { key: string; name: string }) =>
    entry.key === key || (entry.name === name && !isGroupKey(entry.key) && !isGroupKey(key));
  return releasedOf(state, family)
    .filter(([address, entry]) => mine(entry) && !inUse.has(address))
    .sort(([, a], [, b]) => Number(b.key === key) - Number(a.key === key) || b.releasedAt - a.releasedAt)
    .map(([address]) => unasked(address, request))
    .find((address) => address !== undefined);
}

function freeAddress(state: LeaseState, request: LeaseRequest, family: 4 | 6): IpAddress {
  const { name, pools, reserved, inUse, now, cooldownMs } = request;
  const gateways = new Set(pools.map(({ gateway }) => parseIp(gateway)?.text));
  const isTaken = (address: string) =>
    Object.hasOwn(state.leases, address) || inUse.has(address) || gateways.has(address);
  const ours = pools.filter((pool) => pool.family === family);
  for (const pool of ours) {
    const address = lowestFree(hostsOf(pool), reserved, isTaken);
    if (address !== undefined) return demandIp(address);
  }
  // A clock that was set back makes `releasedAt` lie ahead: such an address still cools down.
  const again = releasedOf(state, family)
    .filter(([address, { releasedAt }]) => now - releasedAt >= cooldownMs && !inUse.has(address))
    .sort(([, a], [, b]) => a.releasedAt - b.releasedAt)
    .map(([address]) => unasked(address, request))
    .find((address) => address !== undefined);
  if (again !== undefined) return again;
  const where = ours.map(({ subnet }) => subnet).join(', ');
  throw new AgentError('pool-exhausted', `no free IPv${family} address in ${where} for ${name}`);
}

/** The address if it may be handed out without having been asked for. */
function unasked(text: string, { pools, reserved }: LeaseRequest): IpAddress | undefined {
  const address = demandIp(text);
  if (isGateway(pools, address) || inRanges(reserved, address)) return undefined;
  return pools.some((pool) => inRanges([hostsOf(pool)], address)) ? address : undefined;
}

type Released = readonly [
  string,
  { readonly key: string; readonly name: string; readonly releasedAt: number },
];

function releasedOf(state: LeaseState, family: 4 | 6): Released[] {
  const released: Released[] = [];
  for (const address in state.leases) {
    const entry = state.leases[address];
    if (!entry || entry.releasedAt === null || familyOf(address) !== family) continue;
    released.push([address, { key: entry.key, name: entry.name, releasedAt: entry.releasedAt }]);
  }
  return released;
}

function demandIp(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new TypeError(`not an address: ${text}`);
  return address;
}
