// The agent's ledger from start to end: opened, its head remembered, and watched for being taken away while the agent runs.

import { basename, dirname } from 'node:path';
import {
  type FirstBad,
  type HashedBlock,
  type Ledger,
  type LedgerOptions,
  type Loss,
  openIntents,
  openLedger,
  readRememberedHead,
  rememberHead,
} from '../core/ledger/index.ts';
import { keepIndex } from '../core/ledger/index-files/keep.ts';
import { type Clocks, momentOf } from '../core/lib/moment.ts';
import type { Watching } from '../core/lib/watch.ts';
import { TOLD_MS } from '../diagnose/ledger-faults.ts';
import { openToldGaps, type ToldGaps } from './told-gaps.ts';

export interface Book {
  ledger: Ledger;
  /** What the run before had begun and not finished. */
  openAtStart: HashedBlock[];
  /** A chain that was there and is in the file no more, as it was found at this start or lately. */
  loss: () => Loss | undefined;
  /** The first line that does not hold, as soon as the check in the background has found it. */
  broken(): FirstBad | undefined;
  /** What could not be written lately. */
  gap: ToldGaps['now'];
  /** Why the file is no longer the one that was written; resolves as soon as that is seen. */
  lost: Promise<string>;
  close(): Promise<void>;
}

export async function openBook(
  options: Omit<LedgerOptions, 'remembered'>,
  parts: {
    headFile: string;
    watching: Pick<Watching, 'directory'>;
    onError: (error: unknown) => void;
    /** Told once of the first line that does not hold. */
    onBroken?: (broken: FirstBad) => void;
  } & Clocks,
): Promise<Book> {
  const { path } = options;
  const { headFile, onError, onBroken } = parts;
  const remembered = await readRememberedHead(headFile, path);
  const ledger = await openLedger({ ...options, remembered });
  const openAtStart = await openIntents(path);
  const former = remembered?.loss;
  const found = ledger.loss ?? former;
  const noticed = found && momentOf(parts, found.at);
  const loss = () => found && noticed && { ...found, at: noticed.at() };
  const gaps = openToldGaps(ledger, { path, ...parts });
  let broken: FirstBad | undefined;
  // It rejects when the ledger is closed meanwhile.
  const checked = ledger.history().then(
    ({ verdict, firstBad }) => {
      if (verdict !== 'broken') return;
      broken = firstBad;
      if (broken !== undefined) onBroken?.(broken);
    },
    () => undefined,
  );
  const index = keepIndex(ledger, { path, onError });
  const memory = rememberHead(ledger, { file: headFile, path, loss, onError });
  let report: (what: string) => void = () => undefined;
  const lost = new Promise<string>((resolve) => {
    report = resolve;
  });
  const check = () => {
    const what = ledger.lost();
    if (what !== undefined) report(what);
  };
  const watch = parts.watching.directory(dirname(path), (file) => {
    // Null and the folder's own name: the folder itself has gone.
    if (file === null || file === basename(path) || file === basename(dirname(path))) check();
  });
  // A change that came while a block was written is seen after it.
  const unsubscribe = ledger.subscribe(() => setImmediate(check));
  return {
    ledger,
    openAtStart,
    loss: () => (noticed && noticed.ageMs() < TOLD_MS ? loss() : undefined),
    broken: () => broken,
    gap: gaps.now,
    lost,
    async close() {
      unsubscribe();
      gaps.close();
      watch.close();
      await index.close();
      await memory.close();
      await ledger.close();
      await checked;
    },
  };
}

/** For the journal. */
export function lossText(path: string, { height, found }: Loss): string {
  const instead = found === 0 ? 'a new chain has begun' : `it ends at block ${found}, and goes on from there`;
  return `the ledger ${path} does not hold block ${height}, the last one known of it: ${instead}`;
}
