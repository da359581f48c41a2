// Which VMID, and so which port name, a container has or would get; pure.

import { factsOf, NUMBERED_RUNTIMES, type NumberedRuntime } from '../core/guest/runtimes.ts';
import { portName, vmidFromText } from '../core/guest/vmid.ts';
import { allocate, allocatedVmid, allocationName, type VmidState } from '../core/guest/vmid-allocation.ts';
import { AgentError } from '../core/lib/errors.ts';

export interface NameQuestion {
  container: string;
  nic: number;
  /** Needed only where two containers have this name. */
  runtime?: NumberedRuntime;
  state: VmidState;
  /** Guests that have a port now, of any runtime. */
  holders: readonly { guest: string; vmid: number; runtime: string }[];
  /** VMIDs that belong to others whether they have a port or not. */
  taken: readonly number[];
  /** Milliseconds since the epoch. */
  now: number;
  range: readonly [number, number];
  cooldownMs: number;
}

export interface NameAnswer {
  port: string;
  vmid: number;
  nic: number;
  container: string;
  /** `own` the name is a VMID; `allocated` it has one; `would-get` this one comes next. */
  state: 'own' | 'allocated' | 'would-get';
}

/** Throws `bad-argument` for a name that two guests have, `vmid-exhausted` when no number is left. */
export function portNameOf(question: NameQuestion): NameAnswer {
  const { container, nic, state } = question;
  const answer = (vmid: number, how: NameAnswer['state']) => ({
    port: portName(vmid, nic),
    vmid,
    nic,
    container,
    state: how,
  });
  const own = vmidFromText(container);
  if (own !== undefined && (question.runtime === undefined || factsOf(question.runtime).isNameVmid))
    return answer(own, 'own');

  const { holders, runtime } = question;
  const holding = holders.filter(
    (holder) => holder.guest === container && (runtime === undefined || holder.runtime === runtime),
  );
  const runtimes = runtime === undefined ? NUMBERED_RUNTIMES : [runtime];
  const names = runtimes.map((one) => allocationName(one, container));
  const held = names.flatMap((name) => allocatedVmid(state, name) ?? []);
  const [vmid, ...others] = new Set([...holding.map((holder) => holder.vmid), ...held]);
  if (others.length > 0) {
    const numbers = [vmid, ...others].join(' and ');
    throw new AgentError(
      'bad-argument',
      `There is more than one ${container}: VMIDs ${numbers}. Give the VMID, or --runtime`,
    );
  }
  if (vmid !== undefined) return answer(vmid, 'allocated');

  const { now, range, cooldownMs } = question;
  const taken = new Set([...question.taken, ...holders.map((holder) => holder.vmid)]);
  // A name that had a number gets it back.
  const name = names.find((one) => Object.hasOwn(state.allocations, one)) ?? names[0] ?? container;
  return answer(allocate(state, { name, taken, now, range, cooldownMs }).vmid, 'would-get');
}
