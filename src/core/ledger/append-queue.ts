// Group commit: what queued up while the last fdatasync was under way is the next batch. No timer, nothing to tune.
import { AgentError } from '../lib/errors.ts';
import { AppendedBlock } from './appended-block.ts';
import type { HashedBlock } from './block.ts';
import type { Head } from './head.ts';
import type { LedgerFile } from './ledger-file.ts';
import { blockText, type Draft, formatLine } from './line.ts';
import { MAX_BATCH_BYTES } from './tail-check.ts';

export type AppendQueue = {
  /** `make` runs at once, in the caller's turn; what it throws rejects. */
  append(make: () => Draft): Promise<HashedBlock>;
  head(): Head;
  /** Writes what is urgent, if there is any, although nothing else waits. */
  flush(): void;
  /** Resolves when all that was appended has been settled; later appends are refused. */
  close(): Promise<void>;
};

export type QueueParts = {
  file: Pick<LedgerFile, 'append'>;
  start: Head;
  onDurable: (block: HashedBlock, text: string) => void;
  /** Called between two batches, and waited for. Never rejects. */
  between: (head: Head) => Promise<void>;
  /** What is to stand before everything that waits. Asked at each batch until `onRecorded` is called. */
  urgent: () => Draft | undefined;
  onRecorded: () => void;
  /** So many appends were rejected. */
  onFailed: (count: number, error: unknown) => void;
};

type Waiting = { draft: Draft; resolve: (block: HashedBlock) => void; reject: (error: unknown) => void };
type Batch = { bytes: Buffer; hashes: string[]; texts: string[]; taken: Waiting[] };

export function appendQueue(parts: QueueParts): AppendQueue {
  const { file, onDurable } = parts;
  let head = parts.start;
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closed = false;

  async function run(): Promise<void> {
    // One microtask later, all appends of the same turn are in the first batch.
    await undefined;
    do {
      const batch = takeBatch();
      if (batch.taken.length === 0) break;
      await commit(batch);
      await parts.between(head);
    } while (waiting.length > 0);
    running = undefined;
  }

  // Heights are given only here: when a batch fails, the next one is built on the block that is really there.
  function takeBatch(): Batch {
    const hashes: string[] = [];
    const texts: string[] = [];
    let lines = '';
    let prev = head.hash;
    const urgent = parts.urgent();
    if (urgent) waiting.unshift({ draft: urgent, resolve: parts.onRecorded, reject: unheard });
    for (const { draft } of waiting) {
      const text = blockText(draft, head.height + hashes.length + 1, prev);
      const { line, hash } = formatLine(text);
      if (lines.length > 0 && lines.length + line.length > MAX_BATCH_BYTES) break;
      lines += line;
      prev = hash;
      hashes.push(hash);
      texts.push(text);
    }
    const taken = waiting.slice(0, hashes.length);
    waiting = waiting.slice(hashes.length);
    return { bytes: Buffer.from(lines), hashes, texts, taken };
  }

  async function commit({ bytes, hashes, texts, taken }: Batch): Promise<void> {
    try {
      await file.append(bytes, head);
    } catch (error) {
      for (const { reject } of taken) reject(error);
      parts.onFailed(taken.filter(({ reject }) => reject !== unheard).length, error);
      return;
    }
    for (const [index, { draft, resolve }] of taken.entries()) {
      const block = new AppendedBlock(draft, head, hashes[index] ?? '');
      head = { height: block.height, hash: block.hash };
      onDurable(block, texts[index] ?? '');
      resolve(block);
    }
  }

  return {
    head: () => head,
    append: (make) =>
      new Promise((resolve, reject) => {
        if (closed) throw new AgentError('ledger-write-failed', 'The ledger is closed.');
        waiting.push({ draft: make(), resolve, reject });
        running ??= run();
      }),
    flush() {
      if (!closed) running ??= run();
    },
    async close() {
      closed = true;
      await running;
    },
  };
}

const unheard = () => undefined;
