// Looks after what a running ledger leaves behind: packs all segments but the newest, and drops what need not be kept, of checkpoints too.

import { packSegment } from './pack-segment.ts';
import { type LedgerPaths, ledgerPaths } from './paths.ts';
import { dropOldSegments, type Keep } from './retention.ts';
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
  /** Drops checkpoints that say nothing more. Rejects when it is told to stop. */
  thin?: (signal: AbortSignal) => Promise<void>;
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

const EVERY_MS = 3_600_000;

export function openUpkeep(options: UpkeepOptions): Upkeep {
  const { path, ledger, onError, thin } = options;
  const paths = ledgerPaths(path);
  const stop = new AbortController();
  let turn: Promise<void> = Promise.resolve();

  const run = (): Promise<void> => {
    const failed = (error: unknown): void => {
      if (!stop.signal.aborted) onError(error);
    };
    turn = turn
      .then(() => lookAfter(paths, options, stop.signal))
      .catch(failed)
      .then(() => thin?.(stop.signal))
      .catch(failed);
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

async function lookAfter(paths: LedgerPaths, options: UpkeepOptions, signal: AbortSignal): Promise<void> {
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
