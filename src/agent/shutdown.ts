// What the agent does before it stops for good: waits for what is under way, and gives Proxmox's cards back.

import { linkNames } from '../core/kernel/links.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { pause } from '../core/lib/deadline.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { Agent } from '../reconcile/agent.ts';
import { handBackAll, noteHandedBack } from '../reconcile/restore-names.ts';
import type { Claims } from '../state/desired-state.ts';

/** systemd waits 15 s (TimeoutStopSec) before it kills the agent. */
const HAND_BACK_MS = 8_000;
/** For what is under way when the stop comes. */
const IDLE_MS = 4_000;

export interface LetGoParts {
  agent: Pick<Agent, 'stop'>;
  ovsdb: OvsdbClient;
  ledger: Pick<Ledger, 'append'>;
  claims: Claims;
  /** Height of the block that led here; undefined when the ledger cannot be written. */
  cause: number | undefined;
  /** Milliseconds of the epoch. */
  now: () => number;
  onError: (error: unknown) => void;
}

/** Never throws; what is not done in time is left for the next start. */
export async function letGo({
  agent,
  ovsdb,
  ledger,
  claims,
  cause,
  now,
  onError,
}: LetGoParts): Promise<void> {
  await Promise.race([agent.stop(), pause(IDLE_MS)]);
  const onHandedBack = noteHandedBack(claims, now);
  const work = handBackAll({ ovsdb, ledger, linkNames, cause, onHandedBack }).catch(onError);
  await Promise.race([work, pause(HAND_BACK_MS)]);
}
