// Looks after what a running ledger leaves behind: packs all segments but the newest, and drops what need not be kept, of checkpoints too.

import { join } from 'node:path';
import { openBelievedTime } from './believed-time.ts';
import { packSegment } from './pack-segment.ts';
import { type LedgerPaths, ledgerPaths } from './paths.ts';
import { dropOldSegments, type Keep, type RetentionParts } from './retention.ts';
import { sealedSegments } from './segments.ts';
import type { Ledger } from './writer.ts';

export type UpkeepOptions = {
  path: string;
  ledger: Pick<Ledger, 'append' | 'onSealed'>;
  compress: boolean;
  keep: Keep;
  /** The height up to which blocks can be proved without their bodies. */
  provable: () => number;
  /** Called before a file is removed, with its path from the ledger's directory on. */
  vanishing: (file: string) => void;
  now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  steady?: () => number;
  /** Drops checkpoints that say nothing more. Rejects when it is told to stop. @param believed what time it is, milliseconds of the epoch */
  thin?: (signal: AbortSignal, believed: number) => Promise<void>;
  /** Told when it could not be done; that is tried again at the next sealing, and each hour. */
  onError: (error: unknown) => void;
  pauseMs?: number;
};

export type Upkeep = {
  /** Resolves when what is due now is done. Never rejects. */
  run(): Promise<void>;
  /** Leaves off at once; what is half done is taken back. */
  close(): Promise<void>;
};

/** In `ledger.d`. */
const CLOCK_FILE = 'clock.json';

const EVERY_MS = 3_600_000;

export function openUpkeep(options: UpkeepOptions): Upkeep {
  const { path, ledger, onError, thin, now, steady = () => performance.now() } = options;
  const paths = ledgerPaths(path);
  const time = openBelievedTime(join(paths.side, CLOCK_FILE), { now, steady }, onError);
  const stop = new AbortController();
  let turn: Promise<void> = Promise.resolve();

  const run = (): Promise<void> => {
    const failed = (error: unknown): undefined => {
      if (!stop.signal.aborted) onError(error);
    };
    turn = turn.then(async () => {
      const believed = await time.look().catch(failed);
      await lookAfter(paths, { ...options, believed }, stop.signal).catch(failed);
      if (believed !== undefined) await thin?.(stop.signal, believed).catch(failed);
    });
    return turn;
  };
  const unsubscribe = ledger.onSealed(() => void run());
  const timer = setInterval(run, EVERY_MS).unref();
  void run();
  return {
    run,
    async close() {
      unsubscribe();
      clearInterval(timer);
      stop.abort();
      await turn;
    },
  };
}

async function lookAfter(
  paths: LedgerPaths,
  options: UpkeepOptions & Pick<RetentionParts, 'believed'>,
  signal: AbortSignal,
): Promise<void> {
  const { compress, keep, vanishing, pauseMs } = options;
  if (signal.aborted) return;
  if (keep.ageMs !== undefined || keep.bytes !== undefined)
    await dropOldSegments({ ...options, paths, signal });
  if (!compress) return;
  // The newest stays as it is: it is what people and programs look at most.
  for (const one of (await sealedSegments(paths)).slice(0, -1)) {
    if (one.packed) continue;
    await packSegment(paths, one, { signal, vanishing, ...(pauseMs !== undefined && { pauseMs }) });
  }
}
