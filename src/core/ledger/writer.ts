// The one writer of a ledger: appends in call order, one write and one fdatasync for all that wait.
import { appendQueue } from './append-queue.ts';
import type { HashedBlock } from './block.ts';
import { checkOrigin, type DeclaredEntry, type Entry, makeDraft, type Origin } from './draft.ts';
import { LEDGER_FILE } from './file-actions.ts';
import { newGap, type OpenGap } from './gap.ts';
import { holdsBlock } from './holds-block.ts';
import { ledgerFile } from './ledger-file.ts';
import { type LedgerFs, realFs } from './ledger-fs.ts';
import { takeLock } from './lock.ts';
import type { Loss } from './loss.ts';
import { ledgerPaths, makeDir } from './paths.ts';
import { entryOf } from './producer.ts';
import { type Recovered, recover } from './recover.ts';
import type { RotationLimits } from './rotation.ts';
import { sealingOf } from './sealing.ts';
import { type LedgerStats, liveStats } from './stats.ts';
import type { Head, VerifyResult } from './verify.ts';

/** How often it is looked whether a disk that failed works again, in ms. */
const PROBE_MS = 2000;

/** @param text the block's bytes as they stand in its line: what its hash is of */
export type LedgerListener = (block: HashedBlock, text: string) => void;

export type LedgerOptions = Origin & {
  path: string;
  /** Default: the system's clocks. */
  clock?: { now(): number; steady?(): number };
  /**
   * When the end of an existing chain does not hold: `refuse` (default) throws `ledger-broken`; `set-aside` keeps the whole
   * file under `ledger.d/broken/` and starts a new chain whose first block names it.
   */
  onBroken?: 'refuse' | 'set-aside';
  onAppend?: LedgerListener;
  /** The head of the chain as it was last known. A ledger without it goes on, and says so in a block. */
  remembered?: Head | undefined;
  fs?: LedgerFs;
  /** Where appends that failed are noted, so that the next writer tells of them; best in /run. */
  gapFile?: string | undefined;
  /** When the file is sealed and the next one begun; default: 64 MiB or 31 days. */
  limits?: RotationLimits;
  /** Told when the file could not be sealed; it goes on to be written, and that is tried again. */
  onTrouble?: (error: unknown) => void;
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
  /** `listener` is called when a segment was sealed. Returns the way to end that. */
  onSealed(listener: () => void): () => void;
  /** The remembered chain, when the file did not hold it. */
  readonly loss: Loss | undefined;
  /** What could not be written and is not told of by a block yet. */
  gap(): OpenGap | undefined;
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
  const { onBroken = 'refuse', fs = realFs, remembered, gapFile } = options;
  const clock = { now: Date.now, steady: () => performance.now(), ...options.clock };
  const paths = ledgerPaths(options.path);
  await makeDir(paths.dir);
  await makeDir(paths.side);
  const lock = await takeLock(paths.side);
  try {
    const found = await recover(paths, { onBroken, nowMs: clock.now(), fs });
    const { file, size, head, note, setAside } = found;
    const missing = await lossOf(paths.file, head, remembered, clock.now());
    const loss = missing && { ...missing, setAside };
    const stats = liveStats(options.path, head.height);
    const store = ledgerFile(paths, file, size, fs);
    const listeners = new Set<LedgerListener>(options.onAppend ? [options.onAppend] : []);
    const sealing = sealingOf(store, found, { ...options, clock });
    const draft = (entry: Entry, after: number) => makeDraft(entry, options, after, clock.now());
    const gap = newGap(clock, gapFile === undefined ? undefined : { file: gapFile, path: options.path });
    const queue = appendQueue({
      file: store,
      start: head,
      onDurable(block, text) {
        stats.add(block);
        sealing.wrote();
        for (const listener of listeners) report(listener, block, text);
      },
      between: sealing.between,
      urgent() {
        const entry = gap.entry();
        return entry && draft(entryOf(LEDGER_FILE, entry), queue.head().height);
      },
      onRecorded: gap.closed,
      // A file that was taken away is told of by the next start in its own way.
      onFailed: (count, error) => gap.failed(count, error, store.lost() === undefined),
    });
    // When nobody appends, this is what notices that the disk takes blocks again.
    const probe = setInterval(() => gap.open() && queue.flush(), PROBE_MS).unref();
    const ledger: LedgerWriter = {
      append: (entry) => queue.append(() => draft(entry, queue.head().height)),
      head: queue.head,
      stats: () => stats.get(queue.head(), store.written()),
      history: stats.history,
      loss,
      gap: gap.open,
      lost: store.lost,
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      onSealed: sealing.onSealed,
      async close() {
        clearInterval(probe);
        await queue.close();
        stats.close();
        await store.close();
        await lock.release();
      },
    };
    await appendFirst(ledger, note, loss);
    return ledger;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What the first blocks say of this start. Where they cannot be written nothing of the ledger stays open: the probe would write without the lock. */
async function appendFirst(
  ledger: LedgerWriter,
  note: Recovered['note'],
  loss: Loss | undefined,
): Promise<void> {
  try {
    if (note) await ledger.append(entryOf(LEDGER_FILE, note));
    // A chain that was set aside has its block already.
    if (loss && note?.action !== 'ledger_set_aside') await ledger.append(lossEntry(loss));
  } catch (error) {
    await ledger.close();
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
