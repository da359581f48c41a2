// Which VMID, and so which port name, a container has or would get; pure.

import { AgentError } from '../core/errors.ts';
import { portName, vmidFromText } from '../core/guest/vmid.ts';
import { allocate, allocatedVmid, allocationName, type VmidState } from '../core/guest/vmid-allocation.ts';

export const RUNTIMES = ['docker', 'lxc'] as const;
export type AllocatingRuntime = (typeof RUNTIMES)[number];

export interface NameQuestion {
  container: string;
  nic: number;
  /** Needed only where Docker and LXC both have a container of this name. */
  runtime?: AllocatingRuntime;
  state: VmidState;
  /** VMIDs of other guests. */
  taken: ReadonlySet<number>;
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

/** Throws `bad-argument` for a name that two runtimes know, `vmid-exhausted` when no number is left. */
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
  if (own !== undefined && question.runtime !== 'docker') return answer(own, 'own');

  const runtimes = question.runtime === undefined ? RUNTIMES : [question.runtime];
  const vmids = runtimes.flatMap((runtime) => allocatedVmid(state, allocationName(runtime, container)) ?? []);
  if (vmids.length > 1) {
    throw new AgentError(
      'bad-argument',
      `${container} is a container of Docker (VMID ${vmids[0]}) and of LXC (VMID ${vmids[1]}): say which with --runtime`,
    );
  }
  if (vmids[0] !== undefined) return answer(vmids[0], 'allocated');

  const remembered = runtimes.find((runtime) =>
    Object.hasOwn(state.allocations, allocationName(runtime, container)),
  );
  const name = allocationName(remembered ?? runtimes[0] ?? 'docker', container);
  const { taken, now, range, cooldownMs } = question;
  return answer(allocate(state, { name, taken, now, range, cooldownMs }).vmid, 'would-get');
}
