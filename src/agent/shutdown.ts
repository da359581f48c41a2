// What the agent does before it stops for good: waits for what is under way, and gives Proxmox's NICs back.

import type { SwitchDrivers } from '../core/drivers/driver.ts';
import { linkNames } from '../core/kernel/links.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { pause } from '../core/lib/deadline.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { Agent } from '../reconcile/agent.ts';
import { noteRestoredName, restoreAllNames } from '../reconcile/restore-names.ts';
import type { DesiredState } from '../state/desired-state.ts';

/** systemd waits 15 s (TimeoutStopSec) before it kills the agent. */
const RESTORE_NAMES_MS = 8_000;
/** For what is under way when the stop comes. */
const IDLE_MS = 4_000;

export interface ShutdownParts {
  agent: Pick<Agent, 'stop'>;
  ovsdb: OvsdbClient;
  drivers: SwitchDrivers;
  ledger: Pick<Ledger, 'append'>;
  desiredState: DesiredState;
  /** Height of the block that led here; undefined when the ledger cannot be written. */
  cause: number | undefined;
  /** Milliseconds of the epoch. */
  now: () => number;
  onError: (error: unknown) => void;
}

/** Never throws; what is not done in time is left for the next start. */
export async function shutDown({
  agent,
  ovsdb,
  drivers,
  ledger,
  desiredState,
  cause,
  now,
  onError,
}: ShutdownParts): Promise<void> {
  await Promise.race([agent.stop(), pause(IDLE_MS)]);
  const onNameRestored = noteRestoredName(desiredState, now);
  const work = restoreAllNames({ ovsdb, drivers, ledger, linkNames, cause, onNameRestored }).catch(onError);
  await Promise.race([work, pause(RESTORE_NAMES_MS)]);
}
