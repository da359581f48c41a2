// The checkpoints of the agent's ledger, and what is told of a ledger that begins a new epoch.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import type { Config } from '../core/config/config.ts';
import type { Host } from '../core/kernel/host.ts';
import { type Checkpoints, openCheckpoints } from '../core/ledger/checkpoint/checkpoints.ts';
import { type EpochNote, epochText, readEpochNote } from '../core/ledger/checkpoint/epoch-note.ts';
import { evidencePaths } from '../core/ledger/checkpoint/places.ts';
import type { Ledger } from '../core/ledger/index.ts';
import { ledgerPaths } from '../core/ledger/paths.ts';
import type { Log } from '../core/lib/log.ts';

export interface CheckpointParts {
  ledger: Ledger;
  config: Pick<Config, 'ledger'>;
  host: Host;
  log: Log;
  now: () => number;
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
  onError,
}: CheckpointParts): Promise<OpenedCheckpoints> {
  const { path, origin, checkpoint_interval: everySeconds, heartbeat: heartbeatSeconds } = config.ledger;
  let epoch = await readEpochNote(evidencePaths(ledgerPaths(path).side).epoch);
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
      epoch = begun;
      log.error(epochText(path, begun));
    },
  });
  return { checkpoints, epoch: () => epoch };
}
