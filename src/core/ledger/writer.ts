// The one writer of a ledger: appends in call order, one write and one fdatasync for all that wait.
import { appendQueue } from './append-queue.ts';
import type { HashedBlock } from './block.ts';
import { checkOrigin, type DeclaredEntry, type Entry, makeDraft, type Origin } from './draft.ts';
import { LEDGER_FILE } from './file-actions.ts';
import { holdsBlock } from './holds-block.ts';
import { type LedgerFs, ledgerFile, realFs } from './ledger-file.ts';
import { takeLock } from './lock.ts';
import type { Loss } from './loss.ts';
import { ledgerPaths, makeDir } from './paths.ts';
import { entryOf } from './producer.ts';
import { recover } from './recover.ts';
import { type LedgerStats, liveStats } from './stats.ts';
import type { Head, VerifyResult } from './verify.ts';

/** @param text the block's bytes as they stand in its line: what its hash is of */
export type LedgerListener = (block: HashedBlock, text: string) => void;

export type LedgerOptions = Origin & {
  path: string;
  /** Milliseconds since the epoch; default: the system's clock. */
  clock?: { now(): number };
  /**
   * When the end of an existing chain does not hold: `refuse` (default) throws `ledger-broken`; `set-aside` keeps the whole
   * file under `ledger.d/broken/` and starts a new chain whose first block names it.
   */
  onBroken?: 'refuse' | 'set-aside';
  onAppend?: LedgerListener;
  /** The head of the chain as it was last known. A ledger without it goes on, and says so in a block. */
  remembered?: Head | undefined;
  fs?: LedgerFs;
};

/** Takes any entry; what the rooms get is `Ledger`. */
export type LedgerWriter = {
  /**
   * Resolves when the block is on the device. Rejects with `bad-argument` (nothing of that entry is kept), or with
   * `ledger-write-failed`; after that, later appends work again as soon as the disk does.
   */
  append(entry: Entry): Promise<HashedBlock>;
  /** The last durable block; height 0 and 64 zeros when there is none. */
  head(): Head;
  stats(): Promise<LedgerStats>;
  /** What a fast verification of the file as it was at opening found; it runs in the background. */
  history(): Promise<VerifyResult>;
  /** `listener` gets every block from now on, once it is durable, in order of height. Returns the way to end that. */
  subscribe(listener: LedgerListener): () => void;
  /** The remembered chain, when the file did not hold it. */
  readonly loss: Loss | undefined;
  /** Why the file's name no longer leads to what this ledger wrote; see `LedgerFile.lost`. */
  lost(): string | undefined;
  /** Waits for what was appended, then gives the lock back. */
  close(): Promise<void>;
};

/** What the rooms write with: only what their producers declare. */
export type Ledger = Omit<LedgerWriter, 'append'> & { append(entry: DeclaredEntry): Promise<HashedBlock> };

/** Throws `ledger-locked`, `ledger-broken`, `bad-argument`, or `ledger-write-failed`. */
export async function openLedger(options: LedgerOptions): Promise<LedgerWriter> {
  checkOrigin(options);
  const { clock = { now: Date.now }, onBroken = 'refuse', fs = realFs, remembered } = options;
  const paths = ledgerPaths(options.path);
  await makeDir(paths.dir);
  await makeDir(paths.side);
  const lock = await takeLock(paths.side);
  try {
    const { file, size, head, note, setAside } = await recover(paths, { onBroken, nowMs: clock.now(), fs });
    const missing = await lossOf(paths.file, head, remembered, clock.now());
    const loss = missing && { ...missing, setAside };
    const stats = liveStats(options.path, head.height);
    const store = ledgerFile(options.path, file, size, fs);
    const listeners = new Set<LedgerListener>(options.onAppend ? [options.onAppend] : []);
    const queue = appendQueue(store, head, (block, text) => {
      stats.add(block);
      for (const listener of listeners) report(listener, block, text);
    });
    const ledger: LedgerWriter = {
      append: (entry) => queue.append(() => makeDraft(entry, options, queue.head().height, clock.now())),
      head: queue.head,
      stats: () => stats.get(queue.head(), store.size() - size),
      history: stats.history,
      loss,
      lost: store.lost,
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      async close() {
        await queue.close();
        stats.close();
        await store.close();
        await lock.release();
      },
    };
    if (note) await ledger.append(entryOf(LEDGER_FILE, note));
    // A chain that was set aside has its block already.
    if (loss && note?.action !== 'ledger_set_aside') await ledger.append(lossEntry(loss));
    return ledger;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function lossOf(
  path: string,
  head: Head,
  remembered: Head | undefined,
  nowMs: number,
): Promise<Loss | undefined> {
  if (remembered === undefined || (await holdsBlock(path, remembered))) return undefined;
  const { height, hash } = remembered;
  return { height, hash, found: head.height, at: new Date(nowMs).toISOString() };
}

function lossEntry({ height, hash, found }: Loss): DeclaredEntry {
  const data = { known_height: height, known_hash: hash, found_height: found };
  return entryOf(LEDGER_FILE, { action: found === 0 ? 'ledger_missing' : 'ledger_diverged', data });
}

// A listener that throws must not make a durable append look failed.
function report(listener: LedgerListener, block: HashedBlock, text: string): void {
  try {
    listener(block, text);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
