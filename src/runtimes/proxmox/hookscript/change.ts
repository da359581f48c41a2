// Enrols or unenrols one guest: carries out the plan through Proxmox's own commands, and takes back what was half done.

import { AgentError } from '../../../core/lib/errors.ts';
import type { ProxmoxGuest } from '../config/tree.ts';
import type { HookscriptHost } from './host.ts';
import { enrolmentStatusOf, formerOf, type HookscriptStep, planEnrol, planUnenrol, stateOf } from './plan.ts';
import type { ReadRecord } from './record.ts';

export interface Changed {
  /** False: it was so already. */
  readonly changed: boolean;
  /** Volume id that runs after ours, or that is back. */
  readonly former?: string;
}

/** Throws `guest-template`, `guest-locked`, `hookscript-unusable`, `record-damaged`, or what the steps throw. */
export async function enrol(host: HookscriptHost, { vmid }: ProxmoxGuest): Promise<Changed> {
  const { guest, state, found } = await readState(host, vmid);
  if (guest.config.template) {
    throw new AgentError(
      'guest-template',
      `${vmid} is a template: its clones would not know what ran before`,
    );
  }
  const { hookscript } = state;
  const other = hookscript !== undefined && enrolmentStatusOf(state) === 'other' ? hookscript : undefined;
  const former = other === undefined ? undefined : { volume: other, path: await host.fileOf(other) };
  const changed = await carryOut(host, guest, planEnrol(state, former), found);
  const then = former ?? formerOf(state);
  return { changed, ...(then && { former: then.volume }) };
}

/** Throws as `enrol`. `remember`: see `planUnenrol`. */
export async function unenrol(
  host: HookscriptHost,
  { vmid }: ProxmoxGuest,
  remember: boolean,
): Promise<Changed> {
  const { guest, state, found } = await readState(host, vmid);
  const changed = await carryOut(host, guest, planUnenrol(state, remember), found);
  const former = formerOf(state);
  return { changed, ...(former && { former: former.volume }) };
}

/** The guest as it is at this moment: others may have changed it since the list was made. */
async function readState(host: HookscriptHost, vmid: number) {
  const guest = await host.guest(vmid);
  if (guest === undefined)
    throw new AgentError('guest-unknown', `Guest ${vmid} is not on this node any more`);
  const found = await host.records.read(vmid);
  const state = stateOf(guest, found);
  if (enrolmentStatusOf(state) === 'ours-damaged') {
    throw new AgentError('record-damaged', `${host.records.pathOf(vmid)} cannot be understood`);
  }
  return { guest, state, found };
}

/** True when the guest's hookscript was changed. A guest whose change failed is left as it was found. */
async function carryOut(
  host: HookscriptHost,
  guest: ProxmoxGuest,
  steps: readonly HookscriptStep[],
  before: ReadRecord,
): Promise<boolean> {
  const { vmid, config } = guest;
  const sets = steps.some(({ kind }) => kind !== 'write-record');
  if (sets && config.lock !== undefined) {
    throw new AgentError('guest-locked', `Guest ${vmid} is locked (${config.lock})`);
  }
  for (const step of steps) {
    if (step.kind === 'write-record') {
      await host.records.write(vmid, step.record);
      continue;
    }
    const volume = step.kind === 'set-hookscript' ? step.volume : undefined;
    try {
      await host.setHookscript(guest, volume);
    } catch (error) {
      // A command that was ended by its deadline may have done its work all the same.
      const after = await host.guest(vmid);
      if (after !== undefined && after.config.hookscript === volume) continue;
      await takeBack(host, vmid, before);
      throw error;
    }
  }
  return sets;
}

/** What cannot be taken back stands beside a configuration that does not name ours: no guest minds, the next run heals it. */
async function takeBack({ records }: HookscriptHost, vmid: number, before: ReadRecord): Promise<void> {
  try {
    if (before === undefined) await records.remove(vmid);
    else if (before !== 'damaged') await records.write(vmid, before);
  } catch {}
}
