// Waits for what ends the agent, closes what is open, and restores the names of Proxmox's NICs where it stops for good.

import { AGENT } from '../api/ledger-producers.ts';
import { stopKind } from '../core/bus/systemd.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { AgentParts } from './build-agent.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import type { Closable } from './listen.ts';
import { shutDown } from './shutdown.ts';

export interface EndParts extends HostParts, GuestParts, AgentParts {
  /** Resolves with the signal that asks the agent to stop. */
  asked: Promise<'SIGTERM' | 'SIGINT'>;
  /** What is closed before the last block is written, in this order. */
  open: readonly Closable[];
}

/** Resolves with the exit code. */
export async function runUntilEnd(parts: EndParts): Promise<number> {
  const {
    book,
    config,
    bus,
    asked,
    ledger,
    agent,
    ovsdb,
    drivers,
    desiredState,
    reportedEvents,
    checkpoints,
    witnesses,
    log,
    now,
    onError,
  } = parts;
  const lost = book.lost.then((what) => {
    log.error(
      `the ledger ${config.ledger.path} is not the file that was written: ${what}; the agent starts anew`,
    );
    return 'ledger' as const;
  });
  const ended = await Promise.race([bus.closed.then(() => 'bus' as const), lost, asked]);
  for (const each of parts.open) await each.close();
  // Every start settles what has become of the file; in this run nothing more can be recorded.
  if (ended === 'ledger') return 1;
  const data = { reason: ended === 'bus' ? 'the system bus closed the connection' : ended };
  const cause = await ledger.append(entryOf(AGENT, { action: 'agent_stopped', data })).then(
    ({ height }) => height,
    (error: unknown) => void onError(error),
  );
  // Also of one whose bus went: both may be stopped in one step.
  const isStopped = (await stopKind()) === 'stop';
  if (isStopped) {
    await shutDown({ agent, ovsdb, drivers, ledger, desiredState, cause, now, onError });
  }
  await reportedEvents.close();
  await witnesses.close();
  await parts.segments.close();
  await checkpoints.close();
  await book.close();
  await ovsdb.close();
  // systemd starts us anew, and a fresh process is the one safe way to a fresh bus.
  return ended === 'bus' && !isStopped ? 1 : 0;
}
