// What became of each guest that was to be enrolled or unenrolled, and how the guests stand; pure.

import { AgentError, type ErrorCode } from '../../core/lib/errors.ts';
import type { GuestEnrolment } from '../../runtimes/proxmox/hookscript/enrolment-status.ts';
import { printable } from '../printable.ts';
import { count } from './quantity.ts';
import { table } from './table.ts';

export interface GuestOutcome {
  readonly vmid: number;
  readonly name: string | null;
  readonly kind: 'qemu' | 'lxc' | null;
  readonly result: 'enrolled' | 'unenrolled' | 'unchanged' | 'skipped' | 'failed';
  /** Volume id that runs after ours, or is back. */
  readonly former?: string;
  readonly code?: ErrorCode;
  readonly reason?: string;
}

/** A table with a row for each guest; `none` when there is none. */
export function outcomeLines(
  verb: 'enroll' | 'unenroll',
  outcomes: readonly GuestOutcome[],
  none = 'This node has no guests.',
): string[] {
  if (outcomes.length === 0) return [none];
  const rows = outcomes.map((outcome) => [
    String(outcome.vmid),
    outcome.name ?? '-',
    outcome.kind ?? '-',
    resultText(verb, outcome),
  ]);
  return table([['VMID', 'NAME', 'KIND', 'RESULT'], ...rows]);
}

function resultText(
  verb: 'enroll' | 'unenroll',
  { result, former, code, reason = '' }: GuestOutcome,
): string {
  switch (result) {
    case 'enrolled':
      return former === undefined ? 'enrolled' : `enrolled; ${former} runs after it`;
    case 'unenrolled':
      return former === undefined ? 'unenrolled' : `unenrolled; ${former} is back`;
    case 'unchanged':
      return verb === 'enroll' ? 'was enrolled already' : 'was not enrolled';
    case 'skipped':
      return `left alone: ${reason}`;
    case 'failed':
      return `FAILED: ${code === undefined ? reason : new AgentError(code, reason).toLine()}`;
  }
}

export interface EnrolmentStatus {
  readonly auto_enroll: boolean;
  readonly snippet: { readonly path: string; readonly problem: string | null };
  /** Whether the storage `local` is set to offer snippets. */
  readonly snippets_offered: boolean;
  readonly guests: readonly GuestEnrolment[];
}

export function enrolmentLines({
  auto_enroll,
  snippet,
  snippets_offered,
  guests,
}: EnrolmentStatus): string[] {
  const ours = guests.filter((guest) => guest.ours).length;
  const rows = guests.map((guest) => [
    String(guest.vmid),
    guest.name ?? '-',
    guest.kind ?? '-',
    hookscriptText(guest),
  ]);
  return [
    ...(guests.length === 0
      ? ['This node has no guests.']
      : [...table([['VMID', 'NAME', 'KIND', 'HOOKSCRIPT'], ...rows]), '']),
    ...(guests.length === 0 ? [] : [`${count(guests.length, 'guest')} on this node, ${ours} enrolled`]),
    auto_enroll
      ? 'auto_enroll is on: new guests get the hookscript by themselves'
      : 'auto_enroll is off: new guests get the hookscript by ovs-port-agent proxmox enroll',
    ...(snippet.problem === null
      ? []
      : [`No guest can be enrolled: ${snippet.problem}. Run: dpkg-reconfigure ovs-port-agent`]),
    ...(snippets_offered
      ? []
      : [
          'The storage local does not offer snippets. Hookscripts run all the same; to see them in the web interface: Datacenter, Storage, local, Content',
        ]),
    ...remarks(guests),
  ].map(printable);
}

function hookscriptText({ hookscript, ours, former }: GuestEnrolment): string {
  if (!ours) return hookscript ?? 'none';
  return former === null ? 'ours' : `ours, then ${former}`;
}

function remarks(guests: readonly GuestEnrolment[]): string[] {
  const lines = guests.flatMap(({ vmid, problems, notes }) => [
    ...problems.map((text) => `  ${vmid} ${text}`),
    ...notes.map((text) => `  ${vmid} ${text}`),
  ]);
  return lines.length === 0 ? [] : ['Worth a look:', ...lines];
}

/** 1 when some guest would not start, or none could be enrolled. */
export function enrolmentExitCode({ snippet, guests }: EnrolmentStatus): 0 | 1 {
  return snippet.problem !== null || guests.some(({ problems }) => problems.length > 0) ? 1 : 0;
}
