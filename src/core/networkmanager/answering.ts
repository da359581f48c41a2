// Calls to NetworkManager, and what is known of whether it answers: one that hangs must not be waited for by every guest.

import { type Bus, type BusCall, busErrorType } from '../bus/bus.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { GONE_ERRORS, NM, NM_PATH } from './names.ts';

/** How long a process that hangs may take before it is asked whether it has come to. */
const PING_MS = 600_000;

export interface Answering {
  /**
   * As `Bus.call`; throws `networkmanager-unavailable` when nobody has the name, or when NetworkManager has let an
   * earlier call pass its deadline and has not answered since: then at once.
   */
  call(call: Omit<BusCall, 'destination'>): Promise<unknown[]>;
  /** Whether a call has passed its deadline since NetworkManager answered last. */
  readonly silent: boolean;
  /** The name has another owner, or none: what was known of the former does not count. */
  ownerChanged(): void;
}

/** `onChange`: NetworkManager has stopped to answer (true), or answers again (false). */
export function openAnswering(bus: Pick<Bus, 'call'>, onChange: (silent: boolean) => void): Answering {
  let silent = false;
  let era = 0;

  const unsilence = () => {
    if (!silent) return;
    silent = false;
    onChange(false);
  };
  /** It waits in NetworkManager's queue, so the answer comes in the moment that it works again. */
  const ping = async (): Promise<void> => {
    const mine = era;
    const peer = { destination: NM, path: NM_PATH, interface: 'org.freedesktop.DBus.Peer', member: 'Ping' };
    for (;;) {
      const answer = await bus.call({ ...peer, deadlineMs: PING_MS }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (mine !== era || isAgentError(answer, 'bus-unreachable')) return;
      if (!isAgentError(answer, 'deadline-exceeded')) break;
    }
    unsilence();
  };
  const becomeSilent = () => {
    if (silent) return;
    silent = true;
    onChange(true);
    void ping();
  };

  return {
    get silent() {
      return silent;
    },
    async call(call) {
      if (silent) throw unavailable('does not answer');
      const mine = era;
      try {
        return await bus.call({ destination: NM, ...call });
      } catch (error) {
        if (GONE_ERRORS.includes(busErrorType(error) ?? '')) {
          throw unavailable('is not running', (error as Error).cause);
        }
        if (!isAgentError(error, 'deadline-exceeded')) throw error;
        if (mine === era) becomeSilent();
        throw unavailable('does not answer', error);
      }
    },
    ownerChanged() {
      era++;
      silent = false;
    },
  };
}

function unavailable(what: string, cause?: unknown): AgentError {
  return new AgentError('networkmanager-unavailable', `NetworkManager ${what}`, { cause });
}

/** Whether the error says that nobody has NetworkManager's name. */
export function isGone(error: unknown): boolean {
  return isAgentError(error, 'networkmanager-unavailable') && busErrorType(error) !== undefined;
}
