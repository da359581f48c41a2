// Hands an event to the agent over D-Bus, or leaves it in the spool; never fails a guest's start.

import { readFileSync } from 'node:fs';
import type { Occurrence } from '../src/api/hook-event.ts';
import { AGENT_NAME, AGENT_PATH } from '../src/core/bus/agent-names.ts';
import { type Bus, busErrorType } from '../src/core/bus/bus.ts';
import { connectSystemBus } from '../src/core/bus/system-bus.ts';
import { CONFIG_ERROR } from '../src/core/config/config-error.ts';
import { spoolEvent } from '../src/core/events/spool.ts';
import { AgentError } from '../src/core/lib/errors.ts';
import { kernelUuid } from '../src/core/lib/uuid.ts';
import { type SweepTarget, sweepRows } from './sweep.ts';

export interface Delivery {
  /** One line for the task log. */
  line: string;
  /** 3 only with `strict`: the stub that Proxmox and LXC call lets no other failure reach the guest. */
  exitCode: 0 | 3;
}

/** What the agent answers to an event, as far as a hook looks. */
interface Answer {
  ok: boolean;
  message: string;
  height: number | null;
}

const lineOf = (swept: readonly string[], line: string) =>
  [...swept.map((port) => `removed ${port}`), line].join('; ');

/** Settings that a hook needs before it can ask anybody; the agent leaves them in /run. */
const RUNTIME = '/run/ovs-port-agent';
const SETTINGS_PATH = `${RUNTIME}/hook.json`;
const DEFAULTS = { deadlineMs: 10_000, strict: false };

function settings(): typeof DEFAULTS {
  try {
    const found = JSON.parse(readFileSync(SETTINGS_PATH, 'utf8')) as Partial<typeof DEFAULTS>;
    const { deadlineMs, strict } = found;
    return {
      deadlineMs: typeof deadlineMs === 'number' && deadlineMs > 0 ? deadlineMs : DEFAULTS.deadlineMs,
      strict: strict === true,
    };
  } catch {
    return DEFAULTS;
  }
}

/**
 * Of what happened now. The stub that asked the agent in vain (packaging/deb/hook.pl) leaves the id of the event here: the agent
 * may have it yet, and one event is handled once.
 */
export function occurrence(): Occurrence {
  const asked = process.env.OVS_PORT_AGENT_EVENT_ID ?? '';
  return { id: /^[0-9a-f-]{36}$/.test(asked) ? asked : kernelUuid(), at: new Date().toISOString() };
}

/**
 * Delivers within the deadline of the configuration; what cannot be delivered is spooled.
 *
 * @param stopped whose rows in the switch are leftovers, when the event tells that the guest does not run
 */
export async function deliver(event: object, stopped?: SweepTarget): Promise<Delivery> {
  const { deadlineMs, strict } = settings();
  const until = performance.now() + deadlineMs;
  let bus: Bus | undefined;
  try {
    // The stub has waited already: the guest does not wait twice.
    const gaveUp = process.env.OVS_PORT_AGENT_GAVE_UP;
    if (gaveUp !== undefined) throw new AgentError('agent-unreachable', gaveUp);
    bus = await connectSystemBus(deadlineMs);
    const { ok, message, height } = await tell(bus, event, until);
    // Not in the ledger, so nothing was done: it is full, and the guest must start all the same.
    const swept = !ok && height === null && stopped !== undefined ? await sweepRows(stopped) : [];
    // The agent keeps the event until there is room, and records what is known of it then.
    if (swept.length > 0) await tell(bus, { ...event, swept }, until).catch(() => undefined);
    return { line: lineOf(swept, message), exitCode: ok || !strict ? 0 : 3 };
  } catch (error) {
    const swept = stopped === undefined ? [] : await sweepRows(stopped);
    const line = spool({ ...event, ...(swept.length > 0 && { swept }) }, error);
    return { line: lineOf(swept, line), exitCode: strict ? 3 : 0 };
  } finally {
    bus?.close();
  }
}

async function tell(bus: Bus, event: object, until: number): Promise<Answer> {
  const [answer] = await bus.call({
    destination: AGENT_NAME,
    path: AGENT_PATH,
    interface: AGENT_NAME,
    member: 'LifecycleEvent',
    signature: 's',
    body: [JSON.stringify(event)],
    deadlineMs: Math.max(1, until - performance.now()),
  });
  return JSON.parse(String(answer)) as Answer;
}

const ABSENT = /\.(?:NameHasNoOwner|ServiceUnknown)$/;

function spool(event: object, error: unknown): string {
  const isAbsent = ABSENT.test(busErrorType(error) ?? '');
  const why = isAbsent ? absence() : error instanceof AgentError ? error.message : String(error);
  try {
    spoolEvent(event);
    return `the agent could not be asked (${why}); the event is kept and will be handled when it is back`;
  } catch (spoolError) {
    return `the agent could not be asked (${why}), nor could the event be kept: ${String(spoolError)}`;
  }
}

/** The agent leaves a line where its configuration kept it from starting. */
function absence(): string {
  try {
    const problem = readFileSync(`${RUNTIME}/${CONFIG_ERROR}`, 'utf8').trim().slice(0, 500);
    return `its configuration has an error: ${problem}; see: ovs-port-agent config check`;
  } catch {
    return 'it does not run';
  }
}

/** Prints the line and ends at once: whoever started the hook waits for both its pipes to close. */
export function finish({ line, exitCode }: Delivery): never {
  process.stdout.write(`ovs-port-agent: ${line.replace(/\s*[\r\n]+\s*/g, ' ')}\n`);
  process.exit(exitCode);
}
