// One guest after another is enrolled or unenrolled; what fails for one does not keep the others.

import { AgentError, asAgentError, isAgentError } from '../core/lib/errors.ts';
import type { ProxmoxGuest } from '../runtimes/proxmox/config/tree.ts';
import type { Changed } from '../runtimes/proxmox/hookscript/change.ts';
import type { Chosen } from '../runtimes/proxmox/hookscript/choose.ts';
import { kindOf } from '../runtimes/proxmox/hookscript/enrolment-status.ts';
import type { CallAgent } from './agent-call.ts';
import { countProgress } from './count-progress.ts';
import type { GuestOutcome } from './render/enrolment.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds that the ledger's block may take. */
const NOTE_MS = 10_000;

export interface EnrolmentRun {
  verb: 'enroll' | 'unenroll';
  chosen: readonly Chosen[];
  /** A template is passed over instead of refused. */
  skipTemplates: boolean;
  change(guest: ProxmoxGuest): Promise<Changed>;
  terminal: Terminal;
  callAgent: CallAgent;
}

export async function runEnrolment(run: EnrolmentRun): Promise<GuestOutcome[]> {
  const { verb, chosen, terminal } = run;
  const note = noteInLedger(run);
  const progress = countProgress(terminal, verb, chosen.length);
  const outcomes: GuestOutcome[] = [];
  try {
    for (const one of chosen) {
      progress.next(String(one.vmid));
      const outcome = await outcomeOf(run, one);
      // The next guest would fare no better; one line says it all as long as nothing was changed.
      if (outcome.code === 'proxmox-read-only' && outcomes.length === 0) {
        throw new AgentError(outcome.code, outcome.reason ?? '');
      }
      outcomes.push(outcome);
      if (outcome.result === 'enrolled' || outcome.result === 'unenrolled') await note.take(outcome);
    }
  } finally {
    progress.end();
  }
  note.end();
  return outcomes;
}

export function outcomesExitCode(outcomes: readonly GuestOutcome[]): 0 | 1 {
  return outcomes.some(({ result }) => result === 'failed') ? 1 : 0;
}

async function outcomeOf({ verb, skipTemplates, change }: EnrolmentRun, one: Chosen): Promise<GuestOutcome> {
  const guest = 'guest' in one ? one.guest : undefined;
  const who = { vmid: one.vmid, name: guest?.config.name ?? null, kind: guest ? kindOf(guest) : null };
  try {
    if (!('guest' in one)) throw one.obstacle;
    const { changed, former } = await change(one.guest);
    const result = changed ? (`${verb}ed` as const) : 'unchanged';
    return { ...who, result, ...(former !== undefined && { former }) };
  } catch (thrown) {
    if (skipTemplates && isAgentError(thrown, 'guest-template')) {
      return { ...who, result: 'skipped', reason: 'a template; enroll the guests that are made from it' };
    }
    const error = asAgentError(thrown, 'exec-failed', `Guest ${one.vmid} could not be changed`);
    return { ...who, result: 'failed', code: error.code, reason: error.reason };
  }
}

/** The agent alone writes the ledger. That it cannot be asked is said once, and no reason to leave guests as they were. */
function noteInLedger({ terminal, callAgent }: EnrolmentRun) {
  let obstacle: string | undefined;
  return {
    async take({ vmid, name, kind, result, former }: GuestOutcome): Promise<void> {
      if (obstacle !== undefined) return;
      const report = {
        vmid,
        kind,
        result,
        ...(name !== null && { name }),
        ...(former !== undefined && { former }),
      };
      const call = { member: 'NoteHookscript', signature: 's', body: [JSON.stringify(report)] };
      try {
        // Who stopped the agent did not mean to start it with this.
        await callAgent({ ...call, deadlineMs: NOTE_MS });
      } catch (error) {
        obstacle = error instanceof AgentError ? error.message : String(error);
      }
    },
    end(): void {
      if (obstacle !== undefined)
        terminal.err(`The ledger has no block of this: the agent was not reached (${obstacle})`);
    },
  };
}
