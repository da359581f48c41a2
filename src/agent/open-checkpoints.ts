// The checkpoints of the agent's ledger, and what is told of a ledger that begins a new epoch.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import type { Config } from '../core/config/config.ts';
import type { Host } from '../core/kernel/host.ts';
import { type Checkpoints, openCheckpoints } from '../core/ledger/checkpoint/checkpoints.ts';
import {
  type EpochNote,
  epochText,
  readEpochNote,
  writeEpochNote,
} from '../core/ledger/checkpoint/epoch-note.ts';
import { evidencePaths } from '../core/ledger/checkpoint/places.ts';
import type { Ledger } from '../core/ledger/index.ts';
import { ledgerPaths } from '../core/ledger/paths.ts';
import type { Log } from '../core/lib/log.ts';
import { type Clocks, momentOf } from '../core/lib/moment.ts';

export interface CheckpointParts extends Clocks {
  ledger: Ledger;
  config: Pick<Config, 'ledger'>;
  host: Host;
  log: Log;
  onError: (error: unknown) => void;
}

export interface OpenedCheckpoints {
  checkpoints: Checkpoints;
  /** Why this epoch began. */
  epoch: () => EpochNote | undefined;
}

/** Name of the systemd credential that takes the place of `ledger.d/key`. */
const CREDENTIAL = 'ledger-key';

/** @param directory where systemd puts what it hands over (systemd.exec(5), `CREDENTIALS_DIRECTORY`) */
function credentialIn(directory: string | undefined): string | undefined {
  const file = directory && join(directory, CREDENTIAL);
  return file && existsSync(file) ? file : undefined;
}

export async function checkpointsOf({
  ledger,
  config,
  host,
  log,
  now,
  steady,
  onError,
}: CheckpointParts): Promise<OpenedCheckpoints> {
  const { path, origin, checkpoint_interval: everySeconds, heartbeat: heartbeatSeconds } = config.ledger;
  const epoch = await toldEpoch(evidencePaths(ledgerPaths(path).side).epoch, { now, steady }, onError);
  const checkpoints = openCheckpoints({
    ledger,
    path,
    ...host,
    origin,
    everySeconds,
    heartbeatSeconds,
    credential: credentialIn(env.CREDENTIALS_DIRECTORY),
    now,
    // Of Linux's monotonic clock, as performance.now() is: it stands still while the host sleeps.
    mono: () => Number(process.hrtime.bigint() / 1_000_000_000n),
    onError,
    onEpoch: (begun) => {
      epoch.begins(begun);
      log.error(epochText(path, begun));
    },
  });
  return { checkpoints, epoch: epoch.note };
}

/** How old an epoch is decides whether it is told of, so its time goes with the clock when that is set. */
async function toldEpoch(path: string, clocks: Clocks, onError: (error: unknown) => void) {
  let epoch = await readEpochNote(path);
  let begun = epoch && momentOf(clocks, epoch.at);
  const note = () => epoch && begun && { ...epoch, at: begun.at() };
  const told = note();
  if (told && told.at !== epoch?.at) await writeEpochNote(path, told).catch(onError);
  return {
    note,
    begins(next: EpochNote): void {
      epoch = next;
      begun = momentOf(clocks, next.at);
    },
  };
}
