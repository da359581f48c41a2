// The sealed segments of the agent's ledger: packed and dropped as the configuration says, and watched for what others do to them.

import type { Config } from '../core/config/config.ts';
import type { Checkpoints } from '../core/ledger/checkpoint/checkpoints.ts';
import { LEDGER_FILE } from '../core/ledger/file-actions.ts';
import type { Ledger } from '../core/ledger/index.ts';
import { ledgerPaths } from '../core/ledger/paths.ts';
import { entryOf } from '../core/ledger/producer.ts';
import { type SegmentChange, watchSegments } from '../core/ledger/segment-watch.ts';
import { openUpkeep } from '../core/ledger/upkeep.ts';
import type { Log } from '../core/lib/log.ts';
import type { Clocks } from '../core/lib/moment.ts';
import type { Watching } from '../core/lib/watch.ts';

export interface SegmentParts extends Clocks {
  ledger: Ledger;
  config: Pick<Config, 'ledger'>;
  checkpoints: Pick<Checkpoints, 'newest' | 'thin'>;
  watching: Pick<Watching, 'directory'>;
  log: Log;
  onError: (error: unknown) => void;
}

const DAY_MS = 86_400_000;

export interface Segments {
  /** What others did to sealed segments since the agent started; a segment that something new was done to is told once, of that. */
  changed(): readonly SegmentChange[];
  close(): Promise<void>;
}

export async function openSegments(parts: SegmentParts): Promise<Segments> {
  const { ledger, config, checkpoints, watching, log, now, steady, onError } = parts;
  const { path, compress, keep_days, keep_mib } = config.ledger;
  const paths = ledgerPaths(path);
  const changes = new Map<string, string>();
  const watch = await watchSegments({
    paths,
    watching,
    onChanged(file, what) {
      changes.set(file, what);
      log.error(`the ledger's segment ${file} is not what was sealed: ${what}`);
      const entry = entryOf(LEDGER_FILE, { action: 'ledger_segment_changed', data: { file, what } });
      ledger.append(entry).catch(onError);
    },
  });
  const unsubscribe = ledger.onSealed(watch.check);
  const upkeep = openUpkeep({
    ...{ path, ledger, compress, now, steady, onError },
    keep: {
      ...(keep_days > 0 && { ageMs: keep_days * DAY_MS }),
      ...(keep_mib > 0 && { bytes: keep_mib * (1 << 20) }),
    },
    provable: () => checkpoints.newest()?.size ?? 0,
    vanishing: watch.vanishing,
    thin: (signal, believed) => checkpoints.thin(signal, believed),
  });
  return {
    changed: () => [...changes].map(([file, what]) => ({ file, what })),
    async close() {
      unsubscribe();
      await upkeep.close();
      watch.close();
    },
  };
}
