// How each guest of this node stands with our hookscript, for people: what is set, and what is wrong.

import type { ProxmoxGuest } from '../config/tree.ts';
import { type HookscriptHost, hookscriptProblem } from './host.ts';
import { enrolmentStatusOf, formerOf, type HookscriptState, stateOf } from './plan.ts';
import type { HookscriptRecord } from './record.ts';

export interface GuestEnrolment {
  readonly vmid: number;
  readonly name: string | null;
  readonly kind: 'qemu' | 'lxc' | null;
  /** Volume id in the guest's configuration. */
  readonly hookscript: string | null;
  readonly ours: boolean;
  /** Volume id of the hookscript that runs after ours. */
  readonly former: string | null;
  /** The guest would not start, or nothing can be told. */
  readonly problems: readonly string[];
  /** Worth knowing; nothing is broken. */
  readonly notes: readonly string[];
}

export const kindOf = ({ runtime }: ProxmoxGuest): 'qemu' | 'lxc' =>
  runtime === 'proxmox-qemu' ? 'qemu' : 'lxc';

/** All guests of this node, by number. */
export async function guestEnrolments(host: HookscriptHost): Promise<GuestEnrolment[]> {
  const { guests, unreadable } = host.tree;
  const readable = await Promise.all([...guests.values()].map((guest) => enrolmentOf(host, guest)));
  const others = [...unreadable].map(([vmid, reason]) => ({
    vmid,
    name: null,
    kind: null,
    hookscript: null,
    ours: false,
    former: null,
    problems: [`its configuration cannot be read: ${reason}`],
    notes: [],
  }));
  return [...readable, ...others].sort((a, b) => a.vmid - b.vmid);
}

async function enrolmentOf(host: HookscriptHost, guest: ProxmoxGuest): Promise<GuestEnrolment> {
  const { vmid, config } = guest;
  const state = stateOf(guest, await host.records.read(vmid));
  const what = enrolmentStatusOf(state);
  return {
    vmid,
    name: config.name ?? null,
    kind: kindOf(guest),
    hookscript: config.hookscript ?? null,
    ours: what === 'ours' || what === 'ours-damaged',
    former: formerOf(state)?.volume ?? null,
    problems: await problemsOf(host, vmid, state),
    notes: notesOf(vmid, state, config.template),
  };
}

async function problemsOf(host: HookscriptHost, vmid: number, state: HookscriptState): Promise<string[]> {
  const what = enrolmentStatusOf(state);
  if (state.hookscript === undefined || what === 'other') return [];
  const own = await host.fileOf(state.hookscript).then(hookscriptProblem, () => 'its file cannot be found');
  const former = formerOf(state);
  const next = former && (await hookscriptProblem(former.path));
  return [
    ...(own === undefined ? [] : [`would not start: ${own}`]),
    ...(what === 'ours-damaged' ? [`would not start: ${host.records.pathOf(vmid)} is damaged`] : []),
    ...(next === undefined
      ? []
      : [`would not start: its own hookscript ${former?.volume} is missing: ${next}`]),
  ];
}

function notesOf(vmid: number, state: HookscriptState, template: boolean): string[] {
  const { record } = state;
  const what = enrolmentStatusOf(state);
  const enrolled = typeof record === 'object' && record.state === 'enrolled';
  if (what === 'ours' && template)
    return ['a template: its clones take ours along, and nothing of what ran before'];
  if (what === 'ours' && state.foreign !== undefined) return [foreignNote(vmid, state.foreign)];
  if (what === 'ours' && !enrolled) {
    const came = 'set by hand, or it came with a clone or a rollback';
    const lost = formerOf(state) === undefined ? '; no other hookscript runs after it' : '';
    return [`${came}${lost}. To keep it so: ovs-port-agent proxmox enroll ${vmid}`];
  }
  if (what !== 'ours' && what !== 'ours-damaged' && enrolled) {
    return [
      `was enrolled, and is not now: by hand, by a rollback, or half done. Again: ovs-port-agent proxmox enroll ${vmid}`,
    ];
  }
  return [];
}

function foreignNote(vmid: number, { former }: HookscriptRecord): string {
  const why =
    'the record under its number is of another guest, or its UUID (of a container: all its MAC addresses) changed';
  const again = `ovs-port-agent proxmox enroll ${vmid}`;
  if (former === undefined) return `${why}. To keep it so: ${again}`;
  const tool = `qm set ${vmid} (of a container: pct set ${vmid})`;
  return `${why}; ${former.volume} does not run after ours. To keep it so: ${again}. To have it run: ${tool} --hookscript ${former.volume}, then ${again}`;
}
