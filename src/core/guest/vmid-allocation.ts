// Which VMID a guest without one gets, remembered by name: pure functions from state to state.

import * as z from 'zod';
import { AgentError } from '../lib/errors.ts';
import type { NumberedRuntime } from './runtimes.ts';
import { VMID_MAX, VMID_MIN, vmidSchema } from './vmid.ts';

const allocationSchema = z.object({
  vmid: vmidSchema,
  /** Milliseconds since the epoch, or null while the guest lives. */
  releasedAt: z.int().nonnegative().nullable(),
});

/** Names are per runtime, see `allocationName`. A name keeps its number after release until another needs it. */
export const vmidStateSchema = z.object({
  version: z.literal(1),
  allocations: z.record(z.string(), allocationSchema),
});

export type VmidState = z.infer<typeof vmidStateSchema>;
type Allocation = z.infer<typeof allocationSchema>;

export const EMPTY_VMID_STATE: VmidState = Object.freeze({ version: 1, allocations: Object.freeze({}) });

/** Released names are forgotten, oldest first, beyond this many: a build host makes thousands of random names. */
const RELEASED_MAX = 4096;

/** `docker:NAME` or `lxc:NAME`: the same name under two runtimes is two guests. */
export function allocationName(runtime: NumberedRuntime, name: string): string {
  return `${runtime}:${name}`;
}

export interface AllocationRequest {
  /** From `allocationName`. */
  readonly name: string;
  /** A number that was asked for by label: this one or an error. */
  readonly requested?: number;
  /** Numbers that others have: all of .vmlist and the ports of other guests; not this guest's own port. */
  readonly taken: ReadonlySet<number>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** First and last number, both included. */
  readonly range: readonly [number, number];
  /** How long a released number is kept from other names while there is another. */
  readonly cooldownMs: number;
}

/**
 * Gives `name` its number: the wanted one, else the one it had, else the lowest free one of the range, else the one of the
 * range that was released longest ago: a cool-down costs no guest its port.
 * Throws `vmid-exhausted` when the range is used up, `name-taken` when the wanted number is somebody else's,
 * `bad-argument` when it is not a VMID.
 */
export function allocate(state: VmidState, request: AllocationRequest): { vmid: number; state: VmidState } {
  const vmid = requestedVmid(state, request) ?? stickyVmid(state, request) ?? lowestFree(state, request);
  return { vmid, state: assign(state, request.name, vmid) };
}

/** The guest is gone for good; its name keeps the claim. A name without a number changes nothing. */
export function release(state: VmidState, { name, now }: { name: string; now: number }): VmidState {
  const held = own(state, name);
  if (held === undefined || held.releasedAt !== null) return state;
  const allocations = {
    ...state.allocations,
    [name]: { vmid: held.vmid, releasedAt: Math.max(0, Math.trunc(now)) },
  };
  return { version: 1, allocations: withoutOldest(allocations) };
}

/**
 * Releases numbers of one runtime whose guests are gone without a word; `known`: names of `liveNames` before `present` was
 * asked for, since a guest that came meanwhile is in no list. Both are the guests' own names.
 */
export function releaseMissing(
  state: VmidState,
  request: {
    runtime: NumberedRuntime;
    known: ReadonlySet<string>;
    present: ReadonlySet<string>;
    now: number;
  },
): { state: VmidState; released: { name: string; vmid: number }[] } {
  const released = liveNames(state, request.runtime).flatMap((name) => {
    const vmid = allocatedVmid(state, allocationName(request.runtime, name));
    return vmid === undefined || !request.known.has(name) || request.present.has(name)
      ? []
      : [{ name, vmid }];
  });
  const after = released.reduce(
    (before, { name }) => release(before, { name: allocationName(request.runtime, name), now: request.now }),
    state,
  );
  return { state: after, released };
}

/** The guests' own names of one runtime that have a number now. */
export function liveNames(state: VmidState, runtime: NumberedRuntime): string[] {
  const prefix = allocationName(runtime, '');
  return Object.entries(state.allocations).flatMap(([name, { releasedAt }]) =>
    releasedAt === null && name.startsWith(prefix) ? [name.slice(prefix.length)] : [],
  );
}

/**
 * Takes a number back that was given for nothing, without a cool-down: nobody has seen it. `before`: the state that
 * `allocate` was given; a name that had a number then has it again.
 */
export function takeBack(
  state: VmidState,
  { name, vmid, before }: { name: string; vmid: number; before: VmidState },
): VmidState {
  const held = own(state, name);
  const former = own(before, name);
  if (held?.vmid !== vmid || held.releasedAt !== null || former?.releasedAt === null) return state;
  const { [name]: _given, ...rest } = state.allocations;
  const isFree = former !== undefined && !Object.values(rest).some((other) => other.vmid === former.vmid);
  return { version: 1, allocations: isFree ? { ...rest, [name]: former } : rest };
}

/** The guest keeps its number under its new name; a claim that the new name had from before is dropped. */
export function renameAllocation(state: VmidState, { from, to }: { from: string; to: string }): VmidState {
  const held = own(state, from);
  if (held === undefined || from === to || own(state, to)?.releasedAt === null) return state;
  const { [from]: _moved, ...rest } = state.allocations;
  return { version: 1, allocations: { ...rest, [to]: held } };
}

/** The number that `name` has now, undefined after release. */
export function allocatedVmid(state: VmidState, name: string): number | undefined {
  const held = own(state, name);
  return held?.releasedAt === null ? held.vmid : undefined;
}

/** Name of the guest that has the number now, without its runtime. */
export function holderOf(state: VmidState, vmid: number): string | undefined {
  const holder = liveHolder(state, vmid);
  return holder?.slice(holder.indexOf(':') + 1);
}

function requestedVmid(state: VmidState, { name, requested, taken }: AllocationRequest): number | undefined {
  if (requested === undefined) return undefined;
  const parsed = vmidSchema.safeParse(requested);
  if (!parsed.success) throw new AgentError('bad-argument', parsed.error.issues[0]?.message ?? 'not a VMID');
  const holder = liveHolder(state, requested, name);
  if (holder !== undefined)
    throw new AgentError('name-taken', `VMID ${requested} for ${name} belongs to ${holder}`);
  if (taken.has(requested))
    throw new AgentError('name-taken', `VMID ${requested} for ${name} is in use by another guest`);
  return requested;
}

function stickyVmid(state: VmidState, { name, taken }: AllocationRequest): number | undefined {
  const held = own(state, name);
  if (held === undefined || taken.has(held.vmid)) return undefined;
  return liveHolder(state, held.vmid, name) === undefined ? held.vmid : undefined;
}

function lowestFree(state: VmidState, request: AllocationRequest): number {
  const [first, last] = request.range;
  const blocked = new Set(
    Object.entries(state.allocations)
      .filter(([name, held]) => name !== request.name && !isReusable(held, request))
      .map(([, held]) => held.vmid),
  );
  for (let vmid = Math.max(first, VMID_MIN); vmid <= Math.min(last, VMID_MAX); vmid++) {
    if (!blocked.has(vmid) && !request.taken.has(vmid)) return vmid;
  }
  const cooling = coolingLongest(state, request);
  if (cooling !== undefined) return cooling;
  throw new AgentError('vmid-exhausted', `no free VMID from ${first} to ${last} for ${request.name}`);
}

function coolingLongest(state: VmidState, { range, taken }: AllocationRequest): number | undefined {
  const [first, last] = range;
  const released = Object.values(state.allocations).filter(
    ({ vmid, releasedAt }) =>
      releasedAt !== null &&
      vmid >= first &&
      vmid <= last &&
      !taken.has(vmid) &&
      liveHolder(state, vmid) === undefined,
  );
  return released.sort((a, b) => (a.releasedAt ?? 0) - (b.releasedAt ?? 0))[0]?.vmid;
}

/** A clock that was set back makes `releasedAt` lie ahead: such a number still cools down. */
function isReusable(held: Allocation, { now, cooldownMs }: AllocationRequest): boolean {
  return held.releasedAt !== null && now - held.releasedAt >= cooldownMs;
}

/** Whoever else had a claim on the number loses it, so that no two names can ever come to share it. */
function assign(state: VmidState, name: string, vmid: number): VmidState {
  const held = own(state, name);
  if (held?.vmid === vmid && held.releasedAt === null) return state;
  const others = Object.entries(state.allocations).filter(
    ([other, { vmid: v }]) => other !== name && v !== vmid,
  );
  return { version: 1, allocations: { ...Object.fromEntries(others), [name]: { vmid, releasedAt: null } } };
}

function liveHolder(state: VmidState, vmid: number, except?: string): string | undefined {
  return Object.entries(state.allocations).find(
    ([name, held]) => name !== except && held.vmid === vmid && held.releasedAt === null,
  )?.[0];
}

function own(state: VmidState, name: string): Allocation | undefined {
  return Object.hasOwn(state.allocations, name) ? state.allocations[name] : undefined;
}

function withoutOldest(allocations: Record<string, Allocation>): Record<string, Allocation> {
  const released = Object.entries(allocations).filter(([, held]) => held.releasedAt !== null);
  if (released.length <= RELEASED_MAX) return allocations;
  const oldest = released
    .sort(([, a], [, b]) => (a.releasedAt ?? 0) - (b.releasedAt ?? 0))
    .slice(0, released.length - RELEASED_MAX)
    .map(([name]) => name);
  const forget = new Set(oldest);
  return Object.fromEntries(Object.entries(allocations).filter(([name]) => !forget.has(name)));
}
