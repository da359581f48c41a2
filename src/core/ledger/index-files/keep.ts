// Keeps the index of a ledger up to it while its writer runs: behind the appends, in small pieces, and never in anybody's way.
import type { LedgerWriter } from '../writer.ts';
import { RUN_BLOCKS } from './build.ts';
import { updateIndex } from './update.ts';

/** Milliseconds after the start: guests that start with the host go first. */
const PATIENCE_MS = 20_000;
/** Between two pieces of work of about a millisecond. */
const PAUSE_MS = 2;

export type KeptIndex = { close(): Promise<void> };

/** `onError` is told why an index could not be written; queries go on without it, and the next run tries again. */
export function keepIndex(
  ledger: Pick<LedgerWriter, 'head' | 'onSealed' | 'subscribe'>,
  parts: { path: string; onError: (error: unknown) => void; patienceMs?: number },
): KeptIndex {
  const { path, onError, patienceMs = PATIENCE_MS } = parts;
  const stop = new AbortController();
  let work: Promise<void> | undefined;
  let isDue = false;
  let check = true;
  let next = ledger.head().height + RUN_BLOCKS;

  async function run(): Promise<void> {
    while (isDue && !stop.signal.aborted) {
      isDue = false;
      next = ledger.head().height + RUN_BLOCKS;
      const updating = { check, pauseMs: PAUSE_MS, signal: stop.signal };
      check = false;
      await updateIndex(path, updating).catch((error: unknown) => {
        if (!stop.signal.aborted) onError(error);
      });
    }
    work = undefined;
  }
  const update = () => {
    isDue = true;
    work ??= run();
  };
  const timer = setTimeout(update, patienceMs).unref();
  const endings = [
    ledger.subscribe(({ height }) => {
      if (height >= next) update();
    }),
    ledger.onSealed(update),
  ];
  return {
    async close() {
      clearTimeout(timer);
      for (const end of endings) end();
      stop.abort();
      await work;
    },
  };
}
